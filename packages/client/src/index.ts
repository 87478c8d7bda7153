export { type ApplyOutcome, ResourceClient, type ResourceClientOptions, type ResourceList } from "./client.ts";
export { ResourceError, type ResourceErrorCode } from "./errors.ts";
