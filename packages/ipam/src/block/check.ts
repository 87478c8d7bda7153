import type { AllocationBlock } from "@ocicat/api/ipam";
import { formatAddress } from "@ocicat/net";
import { addressOf } from "./query.ts";

/** One thing about a block that should not be. */
export interface BlockProblem {
  readonly rule:
    | "lost-address"
    | "free-and-allocated"
    | "free-twice"
    | "no-attribute"
    | "unused-attribute"
    | "sequence-ahead"
    | "too-many-attributes";
  readonly what: string;
}

/** Every broken invariant of a block; none for a sound one. */
export function checkBlock(block: AllocationBlock): readonly BlockProblem[] {
  return [...checkOrdinals(block), ...checkAttributes(block), ...checkSequences(block)];
}

function* checkOrdinals(block: AllocationBlock): Iterable<BlockProblem> {
  const name = (ordinal: number) => formatAddress(addressOf(block, ordinal));
  const timesFree = new Map<number, number>();
  for (const ordinal of block.unallocated) timesFree.set(ordinal, (timesFree.get(ordinal) ?? 0) + 1);
  for (const [ordinal, index] of block.allocations.entries()) {
    const times = timesFree.get(ordinal) ?? 0;
    if (times > 1) yield { rule: "free-twice", what: `${name(ordinal)} is ${times} times among the free addresses` };
    if (times > 0 && index !== null) {
      yield { rule: "free-and-allocated", what: `${name(ordinal)} is both free and allocated` };
    }
    if (times === 0 && index === null) {
      yield { rule: "lost-address", what: `${name(ordinal)} is neither free nor allocated` };
    }
  }
}

function* checkAttributes(block: AllocationBlock): Iterable<BlockProblem> {
  const attributes = block.attributes ?? [];
  const used = new Set(block.allocations);
  for (const [ordinal, index] of block.allocations.entries()) {
    if (index === null || index < attributes.length) continue;
    const address = formatAddress(addressOf(block, ordinal));
    yield { rule: "no-attribute", what: `${address} points at attribute ${index} of ${attributes.length}` };
  }
  for (const index of attributes.keys()) {
    if (!used.has(index)) yield { rule: "unused-attribute", what: `attribute ${index} belongs to no address` };
  }
  if (attributes.length > block.allocations.length) {
    const counts = `${attributes.length} attributes for ${block.allocations.length} addresses`;
    yield { rule: "too-many-attributes", what: counts };
  }
}

function* checkSequences(block: AllocationBlock): Iterable<BlockProblem> {
  for (const [ordinal, sequence] of block.sequenceNumberForAllocation) {
    if (sequence < block.sequenceNumber) continue;
    const address = formatAddress(addressOf(block, ordinal));
    yield {
      rule: "sequence-ahead",
      what: `${address} was allocated at ${sequence}, the block is at ${block.sequenceNumber}`,
    };
  }
}
