import { AllocationAttribute, type AllocationBlock, type Owner } from "@ocicat/api/ipam";
import { shareAttribute } from "./attributes.ts";
import type { OrdinalFilter } from "./query.ts";

export interface Assignment {
  readonly block: AllocationBlock;
  /** In the order they were free; fewer than asked for if the block has no more. */
  readonly ordinals: readonly number[];
}

/**
 * Gives up to `count` addresses to one owner, longest free first. Reserved ones are passed over and keep their place.
 * An ordinal that stands among the free ones although somebody holds it is dropped from there, not given.
 */
export function assign(block: AllocationBlock, owner: Owner, count: number, isReserved?: OrdinalFilter): Assignment {
  const ordinals = new Set<number>();
  const skipped: number[] = [];
  let looked = 0;
  for (; looked < block.unallocated.length && ordinals.size < count; looked++) {
    const ordinal = block.unallocated[looked];
    if (ordinal === undefined || block.allocations[ordinal] !== null || ordinals.has(ordinal)) continue;
    if (isReserved?.(ordinal) === true) skipped.push(ordinal);
    else ordinals.add(ordinal);
  }
  if (ordinals.size === 0) return { block, ordinals: [] };
  const unallocated = [...skipped, ...block.unallocated.slice(looked)];
  return { block: allocate({ ...block, unallocated }, owner, ordinals), ordinals: [...ordinals] };
}

/** Gives one address by its ordinal; undefined if somebody holds it. */
export function assignOrdinal(block: AllocationBlock, owner: Owner, ordinal: number): AllocationBlock | undefined {
  if (block.allocations[ordinal] !== null) return undefined;
  const unallocated = block.unallocated.filter((free) => free !== ordinal);
  return allocate({ ...block, unallocated }, owner, new Set([ordinal]));
}

function allocate(block: AllocationBlock, owner: Owner, ordinals: ReadonlySet<number>): AllocationBlock {
  const { attributes, index } = shareAttribute(block.attributes ?? [], AllocationAttribute.ofOwner(owner));
  const sequences = new Map(block.sequenceNumberForAllocation);
  const allocations = [...block.allocations];
  for (const ordinal of ordinals) {
    sequences.set(ordinal, block.sequenceNumber);
    allocations[ordinal] = index;
  }
  return { ...block, attributes, allocations, sequenceNumberForAllocation: sequences };
}
