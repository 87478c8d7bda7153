export { Backlog, type Candidate } from "./backlog.ts";
export { Batch, type BatchContext, rowsOf } from "./batch.ts";
export { type CommitOutcome, commitUnder, type Fence, NO_FENCE } from "./fence.ts";
export { judge } from "./judge.ts";
export { releaseOf } from "./judge-handle.ts";
export { type PerformOutcome, perform } from "./perform.ts";
export {
  type AffinityRow,
  type Allocation,
  type BlockRow,
  ENDPOINT_ATTRIBUTE,
  type EndpointRow,
  type HandleRow,
  NO_ENDPOINT,
} from "./rows.ts";
export { ClusterState, COLLECTED_PREFIXES, nodeKey } from "./state.ts";
export type { Subject } from "./subject.ts";
export type { Action, Reason, Verdict } from "./verdict.ts";
