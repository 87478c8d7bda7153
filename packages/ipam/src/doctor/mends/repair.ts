import { encodeBlock, parseIpamKey } from "@ocicat/api/ipam";
import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
import type { Address } from "@ocicat/net";
import { compactAttributes } from "../../block/attributes.ts";
import type { Change } from "./change.ts";

/** What the allocations say counts: everything else in the block is made to agree with them. */
export async function repairBlock(change: Change, key: string): Promise<void> {
  const block = await change.block(key);
  if (block === undefined) return;
  const isFree = (ordinal: number) => block.allocations[ordinal] === null;
  const listed = [...new Set(block.unallocated)].filter(isFree);
  const lost = [...block.allocations.keys()].filter((ordinal) => isFree(ordinal) && !listed.includes(ordinal));
  const sequences = [...block.sequenceNumberForAllocation.values()];
  const highest = sequences.reduce((most, sequence) => (sequence > most ? sequence : most), 0n);
  const repaired = compactAttributes({
    ...block,
    // Free for the longest time are those that still stand in their place; the others go to the end.
    unallocated: [...listed, ...lost],
    sequenceNumber: highest >= block.sequenceNumber ? highest + 1n : block.sequenceNumber,
  });
  if (encodeBlock(repaired) !== encodeBlock(block)) change.setBlock(key, repaired);
}

type Members = Readonly<Record<string, JsonValue>>;

/**
 * Frees an address whose allocation points beyond the block's attributes. Such a block is refused by whatever reads
 * blocks, so this works on the JSON itself, and only on what it has to.
 */
export async function freeUnowned(change: Change, key: string, address: Address): Promise<void> {
  const row = await change.row(key);
  const parsed = parseIpamKey(key);
  if (row === undefined || parsed?.kind !== "block") return;
  const block = parseJson(row.value) as Members;
  const allocations = list(block.allocations);
  const ordinal = Number(parsed.prefix.ordinalOf(address));
  const index = allocations[ordinal];
  const isOwned = typeof index === "number" && index < list(block.attributes).length;
  if (index === null || index === undefined || isOwned) return;
  const { [`${ordinal}`]: _, ...sequences } = (block.sequenceNumberForAllocation ?? {}) as Members;
  const sequence = block.sequenceNumber;
  change.write(
    key,
    stringifyJson({
      ...block,
      allocations: allocations.with(ordinal, null),
      unallocated: [...list(block.unallocated).filter((free) => free !== ordinal), ordinal],
      sequenceNumber: typeof sequence === "bigint" || typeof sequence === "number" ? BigInt(sequence) + 1n : sequence,
      sequenceNumberForAllocation: sequences,
    }),
  );
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
