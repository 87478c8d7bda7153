import { bitsOf, type Prefix } from "@ocicat/net";
import type { OrdinalFilter } from "../block/index.ts";

/** Which ordinals of a block are reserved; undefined if none is, which is the common case and costs nothing. */
export function reservedOrdinals(block: Prefix, reservations: readonly Prefix[]): OrdinalFilter | undefined {
  const ranges = reservations
    .filter((network) => network.overlaps(block))
    .map((network) => ordinalRange(block, network));
  if (ranges.length === 0) return undefined;
  return (ordinal) => ranges.some(({ first, last }) => ordinal >= first && ordinal <= last);
}

/** The reservation that holds the whole block, if one does. */
export function reservationOf(block: Prefix, reservations: readonly Prefix[]): Prefix | undefined {
  return reservations.find((network) => network.covers(block));
}

function ordinalRange(block: Prefix, network: Prefix): { readonly first: number; readonly last: number } {
  if (network.covers(block)) return { first: 0, last: Number.MAX_SAFE_INTEGER };
  const first = Number(block.ordinalOf(network.address));
  return { first, last: first + 2 ** (bitsOf(network.family) - network.length) - 1 };
}
