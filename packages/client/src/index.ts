export {
  type ApplyOutcome,
  type Deletion,
  ResourceClient,
  type ResourceClientOptions,
  type ResourceList,
} from "./client.ts";
export { BatchError, ResourceError, type ResourceErrorCode } from "./errors.ts";
export type { Change, WriteVerb } from "./plan.ts";
