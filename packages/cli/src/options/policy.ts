import type { DatastoreOptions } from "./shared.ts";

interface Output {
  readonly output: string;
}

/** The packet that is asked about. */
export interface PacketOptions {
  readonly port?: string;
  readonly proto?: string;
  readonly protocol?: string;
  readonly sourcePort?: string;
  readonly ipv6?: boolean;
}

export interface PolicyWhyOptions extends DatastoreOptions, PacketOptions, Output {
  readonly filename?: string;
  readonly live?: boolean;
  readonly name?: string;
}

export interface PolicyShowOptions extends DatastoreOptions, Output {
  readonly filename?: string;
  readonly live?: boolean;
}

export interface PolicyDiffOptions extends DatastoreOptions, Output {
  readonly filename?: string;
  readonly recursive?: boolean;
  readonly delete?: boolean;
  readonly namespace?: string;
}

export interface PolicyImpactOptions extends DatastoreOptions, Output {
  readonly staged?: boolean;
  readonly namespace?: string;
}

export interface PolicyLintOptions extends DatastoreOptions, Output {
  readonly filename?: string;
  readonly recursive?: boolean;
  readonly namespace?: string;
}

export interface PolicyVerifyOptions extends DatastoreOptions, Output {
  /** Of the lab. */
  readonly name?: string;
}

export interface FlowsOptions extends Output {
  readonly dropped?: boolean;
  readonly follow?: boolean;
  readonly since?: string;
  readonly node?: string;
}

/** Of `ocicat why`. */
export interface WhyPacketOptions extends DatastoreOptions, PacketOptions, Output {
  readonly live?: boolean;
  readonly name?: string;
}
