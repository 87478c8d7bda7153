export { type Assignment, assign, assignOrdinal } from "./assign.ts";
export { type BlockProblem, checkBlock } from "./check.ts";
export { createBlock, firstSequenceNumber, type NewBlock, nextVersion, rfc3339 } from "./create.ts";
export {
  addressOf,
  attributeOf,
  freeCount,
  isAllocated,
  isCooling,
  isEmpty,
  type OrdinalFilter,
  ordinalOf,
  ordinalsOf,
  sequenceOf,
} from "./query.ts";
export {
  clearAffinity,
  type ReleasedOrdinal,
  type ReleaseOutcome,
  type ReleaseTarget,
  reclaimCooled,
  release,
  releaseHandle,
} from "./release.ts";
