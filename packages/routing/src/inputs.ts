import type { Origin, ResourceRef } from "@ocicat/kit";
import type { Address, Prefix, ScopedAddress } from "@ocicat/net";
import type { NodeTunnels } from "./tunnels.ts";

/** What routing needs of an IPPool. Modes as in the resource. */
export interface PoolRow {
  readonly name: string;
  readonly cidr: Prefix;
  readonly ipipMode: "Never" | "Always" | "CrossSubnet";
  readonly vxlanMode: "Never" | "Always" | "CrossSubnet";
  readonly natOutgoing: boolean;
  readonly disabled: boolean;
  readonly disableBgpExport: boolean;
}

/** An address of a node with the subnet that it is in. */
export interface OwnAddress {
  readonly address: Address;
  readonly subnet: Prefix;
}

/** What routing needs of a Node. */
export interface NodeRow {
  readonly name: string;
  /** The node's own address of either family; undefined while it has none. */
  readonly ipv4: OwnAddress | undefined;
  readonly ipv6: OwnAddress | undefined;
  /** The node's own AS number, where it differs from the cluster's. */
  readonly asNumber: number | undefined;
  /** Set: the node is a route reflector and takes no part in the mesh. */
  readonly routeReflectorClusterId: string | undefined;
  readonly tunnels: NodeTunnels;
}

/** Where a block's addresses are, by IPAM: what is routed without BGP. */
export interface BlockRow {
  readonly prefix: Prefix;
  /** The node that allocates from it first; undefined: none does. */
  readonly node: string | undefined;
  /** Addresses that other nodes took from it, as host prefixes, with the node that has each. */
  readonly borrowed: readonly { readonly prefix: Prefix; readonly node: string }[];
}

/** A node's claim on a block. Only "confirmed" counts; the others are claims being made or given up. */
export interface AffinityRow {
  readonly node: string;
  readonly block: Prefix;
  readonly state: "pending" | "confirmed" | "pendingDeletion";
}

export function affinityKey(node: string, block: Prefix): string {
  return `${node} ${block}`;
}

/** A workload endpoint of this node. */
export interface EndpointRow {
  /** `<namespace>/<workload endpoint name>`. */
  readonly id: string;
  /** As people call it: `default/pod1`. */
  readonly workload: string;
  readonly interfaceName: string;
  readonly addresses: readonly Address[];
}

/** The best path to a prefix that BGP learned, and those that are as good. */
export interface LearnedRow {
  readonly prefix: Prefix;
  /** The best path's first; never none. */
  readonly nextHops: readonly ScopedAddress[];
  /** The peer it came from, as people call it: `node2 (192.168.0.82)`. */
  readonly from: string;
  /** The BGPPeer that the session follows from; undefined: the mesh. */
  readonly peering: ResourceRef | undefined;
}

/** What a BGP peer lies behind, by the BGPPeer's reachableBy. */
export interface PeerGateway {
  readonly via: Address;
  readonly origin: Origin;
}
