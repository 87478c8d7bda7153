import type { Address, Family, Prefix } from "@ocicat/net";
import type { Endpoint, NetworkSet, Service } from "./endpoint.ts";
import type { Policy, Profile, Tier } from "./policy.ts";

/** Everything that a verdict follows from, as immutable values. */
export interface PolicyModel {
  readonly tiers: readonly Tier[];
  readonly policies: readonly Policy[];
  readonly profiles: readonly Profile[];
  readonly endpoints: readonly Endpoint[];
  readonly networkSets: readonly NetworkSet[];
  readonly services: readonly Service[];
  readonly settings: PolicySettings;
  /** Nodes by their labels, at their addresses: what `nodes` of a rule's end chooses, and no other selector. None unless told. */
  readonly nodeSets?: readonly NetworkSet[];
  /** Where known: without them a node's addresses are those of its host endpoints. */
  readonly nodes?: readonly HostInterface[];
}

/** An interface of a node. */
export interface HostInterface {
  readonly node: string;
  /** Undefined: it is not known which interface has the addresses. */
  readonly name: string | undefined;
  readonly addresses: readonly Address[];
}

/** FelixConfiguration's part in it. */
export interface PolicySettings {
  /** What becomes of what a workload sends to its own host, once its policies have let it pass. */
  readonly endpointToHost: "drop" | "accept" | "return";
  /** Never closed by a host endpoint's policies. */
  readonly failsafeInbound: readonly Failsafe[];
  readonly failsafeOutbound: readonly Failsafe[];
  /** What belongs to no connection and begins none is dropped where an endpoint would be asked. */
  readonly dropInvalid: boolean;
  /** VXLAN and IPIP packets that a workload makes itself pass. */
  readonly allowVxlanFromWorkloads: boolean;
  readonly allowIpipFromWorkloads: boolean;
  /** The UDP port of VXLAN, by family. */
  readonly vxlanPort: number;
}

export interface Failsafe {
  readonly protocol: number;
  /** Undefined: of a protocol that has no ports. */
  readonly port: number | undefined;
  /** Undefined: from or to anywhere. */
  readonly network: Prefix | undefined;
}

export const FAMILIES: readonly Family[] = [4, 6];
