import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  address,
  addressOrNetwork,
  asNumber,
  choice,
  type Infer,
  interfaceAddress,
  list,
  mac,
  object,
  optional,
  required,
  text,
} from "../schema/index.ts";

const bgp = object(
  {
    asNumber: optional(asNumber()),
    ipv4Address: optional(interfaceAddress(4), ""),
    ipv6Address: optional(interfaceAddress(6), ""),
    ipv4IPIPTunnelAddr: optional(address(4), ""),
    routeReflectorClusterID: optional(address(4), ""),
  },
  {
    asNumber: "The node's AS number; the cluster's unless told.",
    ipv4Address: "Where others reach the node over IPv4, with the length of its subnet.",
    ipv6Address: "Where others reach the node over IPv6, with the length of its subnet.",
    ipv4IPIPTunnelAddr: "The address of the node's IPIP device; the agent writes it.",
    routeReflectorClusterID: "Makes the node a route reflector of this cluster (RFC 4456), written as an IPv4 address.",
  },
);

const orchRef = object(
  { nodeName: optional(text(), ""), orchestrator: required(text()) },
  { nodeName: "What the orchestrator calls the node.", orchestrator: "The orchestrator, as k8s." },
);

const wireguard = object(
  { interfaceIPv4Address: optional(address(4), ""), interfaceIPv6Address: optional(address(6), "") },
  {
    interfaceIPv4Address: "The IPv4 address of the node's WireGuard device.",
    interfaceIPv6Address: "The IPv6 address of the node's WireGuard device.",
  },
);

const nodeAddress = object(
  {
    address: required(addressOrNetwork()),
    type: optional(choice("CalicoNodeIP", "InternalIP", "ExternalIP")),
  },
  {
    address: "The address, with or without the length of its subnet.",
    type: "What it is: the one that other nodes use (CalicoNodeIP), one inside the cluster, one outside of it.",
  },
);

const nodeInterface = object(
  { name: optional(text(), ""), addresses: optional(list(addressOrNetwork()), []) },
  { name: "The interface's name.", addresses: "Its addresses." },
);

const spec = object(
  {
    bgp: optional(bgp),
    ipv4VXLANTunnelAddr: optional(address(4), ""),
    vxlanTunnelMACAddr: optional(mac(), ""),
    ipv6VXLANTunnelAddr: optional(address(6), ""),
    vxlanTunnelMACAddrV6: optional(mac(), ""),
    orchRefs: optional(list(orchRef), []),
    wireguard: optional(wireguard),
    addresses: optional(list(nodeAddress), []),
    interfaces: optional(list(nodeInterface), []),
  },
  {
    bgp: "How the node speaks BGP; without it, it does not.",
    ipv4VXLANTunnelAddr: "The address of the node's VXLAN device for IPv4; the agent writes it.",
    vxlanTunnelMACAddr: "The MAC address of the node's VXLAN device for IPv4; the agent writes it.",
    ipv6VXLANTunnelAddr: "The address of the node's VXLAN device for IPv6; the agent writes it.",
    vxlanTunnelMACAddrV6: "The MAC address of the node's VXLAN device for IPv6; the agent writes it.",
    orchRefs: "What orchestrators call the node.",
    wireguard: "The node's WireGuard device.",
    addresses: "All addresses that the node is known by.",
    interfaces: "The node's interfaces and their addresses.",
  },
);

const status = object(
  {
    wireguardPublicKey: optional(text(), ""),
    wireguardPublicKeyV6: optional(text(), ""),
    podCIDRs: optional(list(addressOrNetwork()), []),
  },
  {
    wireguardPublicKey: "The node's public key for WireGuard over IPv4, in base64.",
    wireguardPublicKeyV6: "The node's public key for WireGuard over IPv6, in base64.",
    podCIDRs: "The ranges that Kubernetes gave the node for pods.",
  },
);

export interface NodeSpec extends Infer<typeof spec> {}
export interface NodeStatus extends Infer<typeof status> {}
/** A machine that runs workloads, and where the others reach it. */
export type Node = Resource<NodeSpec, NodeStatus, "Node">;

/** The AS number of a cluster that was not given one: the first of those for private use (RFC 6996). */
export const DEFAULT_AS_NUMBER = 64512;

export const node = defineKind<Node>({
  kind: "Node",
  description: "A machine that runs workloads, and where the others reach it.",
  plural: "nodes",
  aliases: ["no", "nos"],
  namespaced: false,
  spec,
  status,
  storesEmptyStatus: true,
  rules: { "bgp, where it is given, is not empty.": checkBgp },
  example: { name: "node1", spec: { bgp: { ipv4Address: "192.168.0.81/24" } } },
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    {
      heading: "ASN",
      cell({ spec }, { globalAsNumber = DEFAULT_AS_NUMBER }) {
        if (spec.bgp === undefined) return "";
        return spec.bgp.asNumber === undefined ? `(${globalAsNumber})` : String(spec.bgp.asNumber);
      },
    },
    { heading: "IPV4", cell: ({ spec }) => spec.bgp?.ipv4Address ?? "" },
    { heading: "IPV6", cell: ({ spec }) => spec.bgp?.ipv6Address ?? "" },
  ],
});

function* checkBgp({ spec }: Node): Iterable<Problem> {
  if (spec.bgp === undefined || Object.keys(spec.bgp).length > 0) return;
  const message = "is empty: give at least an address, or leave it out for a node without BGP";
  yield { field: "spec.bgp", value: spec.bgp, rule: "required", message };
}
