import type { ClusterInformation, IPPool, Node, WorkloadEndpoint } from "@ocicat/api";
import type { AllocationBlock, IpamConfig, IpamHandle } from "@ocicat/api/ipam";
import type { KeyValue, Revision } from "@ocicat/datastore";
import type { Prefix } from "@ocicat/net";
import type { AddressUses, Stored } from "./uses.ts";

/**
 * Everything that has to do with addresses, as it stood at one revision: what IPAM says, and who says that an address
 * is its own. Whoever judges IPAM judges this: rows read one after the other would contradict each other by themselves.
 */
export interface Census {
  readonly revision: Revision;
  /** All rows of IPAM, as they are stored. */
  readonly rows: readonly KeyValue[];
  /** In order of address, IPv4 first. */
  readonly blocks: readonly Stored<AllocationBlock>[];
  /** By id. */
  readonly handles: ReadonlyMap<string, Stored<IpamHandle>>;
  readonly config: IpamConfig;
  readonly pools: readonly IPPool[];
  readonly reservations: readonly Reservation[];
  readonly nodes: readonly Stored<Node>[];
  readonly endpoints: readonly Stored<WorkloadEndpoint>[];
  readonly uses: AddressUses;
  readonly cluster: ClusterInformation | undefined;
  /** Rows that cannot be read: what is said of the rest may be wrong because of them. */
  readonly unreadable: readonly UnreadableRow[];
}

export interface UnreadableRow {
  readonly key: string;
  readonly reason: string;
}

export interface Reservation {
  readonly name: string;
  readonly network: Prefix;
}
