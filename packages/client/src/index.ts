export {
  type ApplyOutcome,
  ResourceClient,
  type ResourceClientOptions,
  type ResourceList,
} from "./client.ts";
export type { Deletion } from "./deletions.ts";
export { BatchError, ResourceError, type ResourceErrorCode } from "./errors.ts";
export type { Change, WriteVerb } from "./plan.ts";
