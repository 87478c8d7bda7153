import type { DatastoreOptions } from "./shared.ts";

export interface IpamShowOptions extends DatastoreOptions {
  readonly ip?: string;
  readonly showBlocks?: boolean;
  readonly showReserved?: boolean;
  readonly showBorrowed?: boolean;
  readonly showConfiguration?: boolean;
}

export interface IpamCheckOptions extends DatastoreOptions {
  readonly showAllIps?: boolean;
  readonly showProblemIps?: boolean;
  readonly output?: string;
}

export interface IpamReleaseOptions extends DatastoreOptions {
  readonly ip?: string;
  readonly fromReport?: readonly string[];
  readonly force?: boolean;
}

export interface IpamSplitOptions extends DatastoreOptions {
  readonly cidr?: string;
  readonly name?: string;
}

export interface IpamConfigureOptions extends DatastoreOptions {
  readonly strictaffinity?: string;
  readonly maxBlocksPerHost?: string;
  readonly ipCooldownSeconds?: string;
  readonly kubevirtIpPersistence?: string;
}
