export type { Answered } from "./call.ts";
export {
  ApiClient,
  type ApiOptions,
  type ListRequest,
  type Place,
  type Preconditions,
  type Selection,
} from "./client.ts";
export { ApiError, TOO_LARGE_VERSION } from "./errors.ts";
export type { ApiList, ApiMetadata, ApiObject, ApiResource, Verb } from "./resource.ts";
export type { ChangeType, WatchListener } from "./watch.ts";
