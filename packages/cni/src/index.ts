export { type CniArgs, type PodName, parseCniArgs } from "./args.ts";
export {
  type Attachment,
  COMMANDS,
  type Command,
  type Environment,
  PLUGIN_NAMES,
  type PluginName,
  type PluginRole,
} from "./environment.ts";
export { CniCode, CniError, type CniErrorJson } from "./errors.ts";
export { type EndpointIdentity, identify } from "./identity.ts";
export { type InstallOptions, type InstallReport, installPlugin } from "./install/index.ts";
export type { JsonObject } from "./json-reader.ts";
export { type AddOptions, type Network, parseAddOptions, parseNetwork, withAnnotations } from "./netconf.ts";
export type { KeyWithoutEffect } from "./netconf-keys.ts";
export type { PoolSelector } from "./pool-selector.ts";
export {
  type AddResult,
  type Dns,
  formatIpamResult,
  formatResult,
  IPV4_NEXT_HOP,
  IPV6_NEXT_HOP,
  type PodInterfaces,
  podResult,
  type ResultAddress,
  type ResultInterface,
  type ResultRoute,
} from "./result.ts";
export { parseResult } from "./result-parse.ts";
export * from "./server/index.ts";
export { atLeast, type CniVersion, NEWEST_VERSION, SUPPORTED_VERSIONS } from "./version.ts";
