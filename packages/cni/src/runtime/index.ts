export type { RuntimeAttachment } from "./attachment.ts";
export type { CachedResult } from "./cache.ts";
export { type Exec, type ExecInput, type ExecOutcome, execChild, execThrough, findPlugin } from "./exec.ts";
export {
  loadNetworkList,
  loadNetworkLists,
  type NetworkList,
  type PluginConf,
  parseNetworkList,
} from "./network-list.ts";
export { PluginError } from "./plugin.ts";
export { CniRuntime, type NetworkResult, type RuntimeOptions } from "./runtime.ts";
