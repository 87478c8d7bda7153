import { type AffinityOwner, type AllocationBlock, formatOwner } from "@ocicat/api/ipam";
import type { Random } from "@ocicat/kit";
import { bitsOf, type Prefix } from "@ocicat/net";

export interface NewBlock {
  readonly prefix: Prefix;
  readonly owner: AffinityOwner;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly sequenceNumber: bigint;
}

/** An empty block, as it is first stored. */
export function createBlock({ prefix, owner, now, sequenceNumber }: NewBlock): AllocationBlock {
  const size = 2 ** (bitsOf(prefix.family) - prefix.length);
  return {
    prefix,
    affinity: formatOwner(owner),
    affinityClaimTime: rfc3339(now),
    allocations: new Array<null>(size).fill(null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: null,
    sequenceNumber,
    sequenceNumberForAllocation: new Map(),
    deleted: false,
    unknown: {},
  };
}

/**
 * Where a new block's sequence begins: nanoseconds since 1970, so that a block deleted and made again never repeats the
 * number of an earlier allocation. The clock gives milliseconds; the rest is random, for two lives within one.
 */
export function firstSequenceNumber(now: number, random: Random): bigint {
  return BigInt(Math.trunc(now)) * 1_000_000n + BigInt(random.uint32() % 1_000_000);
}

/** The block as it is written next: every write counts, also one that changes nothing else. */
export function nextVersion(block: AllocationBlock): AllocationBlock {
  return {
    ...block,
    sequenceNumber: BigInt.asUintN(64, block.sequenceNumber + 1n),
    attributes: block.attributes ?? [],
  };
}

/** Whole seconds, as Kubernetes' times are stored: `2026-11-21T02:19:57Z`. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
