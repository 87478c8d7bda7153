import { AllocationAttribute, type AllocationBlock } from "@ocicat/api/ipam";
import { compactAttributes, shareAttribute } from "./attributes.ts";
import { attributeOf, isAllocated, isCooling, ordinalsOf, sequenceOf } from "./query.ts";

/** One address to give back. What is said of its holder must still be true. */
export interface ReleaseTarget {
  readonly ordinal: number;
  readonly handleId?: string | undefined;
  /** The sequence number it was allocated at. */
  readonly sequence?: bigint | undefined;
}

export interface ReleasedOrdinal {
  readonly ordinal: number;
  /** Who held it; undefined if the block did not say. */
  readonly handleId: string | undefined;
}

export type ReleaseOutcome =
  | {
      readonly kind: "released";
      readonly block: AllocationBlock;
      readonly released: readonly ReleasedOrdinal[];
      /** Free, or cooling down, before already. */
      readonly absent: readonly number[];
    }
  | {
      readonly kind: "wrong-handle";
      readonly ordinal: number;
      readonly expected: string;
      readonly found: string | undefined;
    }
  | { readonly kind: "wrong-sequence"; readonly ordinal: number; readonly expected: bigint; readonly found: bigint };

/**
 * Gives addresses back: all, or none if one of them has another holder or sequence number than said.
 * `releasedAt` (RFC 3339): they cool down first, and reclaimCooled() frees them; undefined: they are free at once.
 */
export function release(
  block: AllocationBlock,
  targets: readonly ReleaseTarget[],
  releasedAt?: string,
): ReleaseOutcome {
  const absent: number[] = [];
  const released = new Map<number, ReleasedOrdinal>();
  for (const target of targets) {
    const { ordinal } = target;
    if (!isAllocated(block, ordinal) || isCooling(block, ordinal)) {
      absent.push(ordinal);
      continue;
    }
    const handleId = attributeOf(block, ordinal)?.handleId;
    if (target.handleId !== undefined && target.handleId !== handleId) {
      return { kind: "wrong-handle", ordinal, expected: target.handleId, found: handleId };
    }
    const sequence = sequenceOf(block, ordinal);
    if (target.sequence !== undefined && target.sequence !== sequence) {
      return { kind: "wrong-sequence", ordinal, expected: target.sequence, found: sequence };
    }
    released.set(ordinal, { ordinal, handleId });
  }
  const ordinals = [...released.keys()];
  const next = releasedAt === undefined ? free(block, ordinals) : cool(block, ordinals, releasedAt);
  return { kind: "released", block: next, released: [...released.values()], absent };
}

/** Gives back all that a handle holds in the block. */
export function releaseHandle(block: AllocationBlock, handleId: string, releasedAt?: string): ReleaseOutcome {
  return release(
    block,
    ordinalsOf(block, handleId).map((ordinal) => ({ ordinal })),
    releasedAt,
  );
}

/** Frees what has cooled down for `seconds`; the same block if nothing has. `now`: milliseconds since 1970. */
export function reclaimCooled(block: AllocationBlock, now: number, seconds: number): AllocationBlock {
  const due = new Set<number>();
  for (const [index, { releasedAt }] of (block.attributes ?? []).entries()) {
    // A time that does not parse would keep its address for ever.
    if (releasedAt !== undefined && !(Date.parse(releasedAt) + seconds * 1000 > now)) due.add(index);
  }
  if (due.size === 0) return block;
  return free(
    block,
    [...block.allocations.keys()].filter((ordinal) => due.has(block.allocations[ordinal] ?? -1)),
  );
}

/** The block without an owner: nobody allocates from it first any more. */
export function clearAffinity(block: AllocationBlock): AllocationBlock {
  return { ...block, affinity: null, affinityClaimTime: undefined };
}

function free(block: AllocationBlock, ordinals: readonly number[]): AllocationBlock {
  if (ordinals.length === 0) return block;
  const allocations = [...block.allocations];
  const sequences = new Map(block.sequenceNumberForAllocation);
  for (const ordinal of ordinals) {
    allocations[ordinal] = null;
    sequences.delete(ordinal);
  }
  return compactAttributes({
    ...block,
    allocations,
    unallocated: [...block.unallocated, ...ordinals],
    sequenceNumberForAllocation: sequences,
  });
}

function cool(block: AllocationBlock, ordinals: readonly number[], releasedAt: string): AllocationBlock {
  if (ordinals.length === 0) return block;
  const { attributes, index } = shareAttribute(block.attributes ?? [], AllocationAttribute.released(releasedAt));
  const allocations = [...block.allocations];
  for (const ordinal of ordinals) allocations[ordinal] = index;
  return compactAttributes({ ...block, allocations, attributes });
}
