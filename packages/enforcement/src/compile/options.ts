import type { PolicySettings } from "@ocicat/policy";

/** What of the node's configuration is in the tables. */
export interface CompileOptions {
  readonly settings: PolicySettings;
  /** FelixConfiguration's interfacePrefix: "cali", or several separated by commas. */
  readonly interfacePrefix: string;
  /** Whether what decides about a packet tells so to NFLOG's groups (see flow-log.ts). */
  readonly flowLog: boolean;
  /** FelixConfiguration's logPrefix: what rules with the action Log write in front of a packet. */
  readonly logPrefix: string;
}

/** FelixConfiguration's own default. */
export const DEFAULT_LOG_PREFIX = "calico-packet";
