import { type AllocationAttribute, type AllocationBlock, WINDOWS_RESERVED_HANDLE } from "@ocicat/api/ipam";
import type { Address } from "@ocicat/net";

/** Says of an ordinal whether it must not be given away. */
export type OrdinalFilter = (ordinal: number) => boolean;

export function addressOf(block: AllocationBlock, ordinal: number): Address {
  return block.prefix.nth(ordinal);
}

/** Throws RangeError for an address outside the block. */
export function ordinalOf(block: AllocationBlock, address: Address): number {
  return Number(block.prefix.ordinalOf(address));
}

/** Who holds the ordinal: undefined if nobody does, or if the block does not say (checkBlock reports that). */
export function attributeOf(block: AllocationBlock, ordinal: number): AllocationAttribute | undefined {
  const index = block.allocations[ordinal];
  return index === null || index === undefined ? undefined : block.attributes?.[index];
}

export function isAllocated(block: AllocationBlock, ordinal: number): boolean {
  return block.allocations[ordinal] !== null;
}

export function isCooling(block: AllocationBlock, ordinal: number): boolean {
  return attributeOf(block, ordinal)?.releasedAt !== undefined;
}

/** The ordinals that a handle holds, ascending. */
export function ordinalsOf(block: AllocationBlock, handleId: string): readonly number[] {
  const indexes = new Set<number>();
  for (const [index, attribute] of (block.attributes ?? []).entries()) {
    if (attribute.handleId === handleId) indexes.add(index);
  }
  if (indexes.size === 0) return [];
  return [...block.allocations.keys()].filter((ordinal) => indexes.has(block.allocations[ordinal] ?? -1));
}

/** At which sequence number of its block an ordinal was given; 0 where an old block does not say. */
export function sequenceOf(block: AllocationBlock, ordinal: number): bigint {
  return block.sequenceNumberForAllocation.get(ordinal) ?? 0n;
}

/** How many ordinals can be given away. */
export function freeCount(block: AllocationBlock, isReserved?: OrdinalFilter): number {
  if (isReserved === undefined) return block.unallocated.length;
  return block.unallocated.filter((ordinal) => !isReserved(ordinal)).length;
}

/** True if nobody uses an address of it; what Windows reserves does not count, what cools down does. */
export function isEmpty(block: AllocationBlock): boolean {
  if (block.unallocated.length === block.allocations.length) return true;
  const used = new Set(block.allocations);
  used.delete(null);
  return [...used].every((index) => isWindowsReserve(index === null ? undefined : block.attributes?.[index]));
}

function isWindowsReserve(attribute: AllocationAttribute | undefined): boolean {
  return attribute?.handleId?.toLowerCase() === WINDOWS_RESERVED_HANDLE;
}
