import type { AllocationBlock } from "@ocicat/api/ipam";
import type { Prefix } from "@ocicat/net";
import { addressOf, isAllocated } from "../block/index.ts";

/** How many addresses of a network are reserved, and how many of these nobody holds: they count as free nowhere. */
export interface Reserved {
  readonly reserved: bigint;
  readonly reservedAndFree: bigint;
}

/** `blocks`: those inside the network. An address given out before it was reserved stays with its holder. */
export function reservedIn(
  network: Prefix,
  reservations: readonly Prefix[],
  blocks: readonly AllocationBlock[],
): Reserved {
  const parts = disjoint(reservations.filter((reservation) => reservation.overlaps(network)));
  const reserved = parts.reduce((sum, part) => sum + (part.covers(network) ? network.size : part.size), 0n);
  let held = 0n;
  for (const block of blocks) {
    const near = parts.filter((part) => part.overlaps(block.prefix));
    if (near.length === 0) continue;
    for (const ordinal of block.allocations.keys()) {
      if (isAllocated(block, ordinal) && near.some((part) => part.has(addressOf(block, ordinal)))) held += 1n;
    }
  }
  return { reserved, reservedAndFree: reserved - held };
}

/** Networks overlap only where one holds the other: the larger ones are all there is. */
export function disjoint(networks: readonly Prefix[]): readonly Prefix[] {
  return networks.filter(
    (network, index) =>
      !networks.some((other, at) => at !== index && other.covers(network) && (!network.equals(other) || at < index)),
  );
}
