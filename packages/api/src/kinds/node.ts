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

const bgp = object({
  asNumber: optional(asNumber()),
  ipv4Address: optional(interfaceAddress(4), ""),
  ipv6Address: optional(interfaceAddress(6), ""),
  ipv4IPIPTunnelAddr: optional(address(4), ""),
  routeReflectorClusterID: optional(address(4), ""),
});

const spec = object({
  bgp: optional(bgp),
  ipv4VXLANTunnelAddr: optional(address(4), ""),
  vxlanTunnelMACAddr: optional(mac(), ""),
  ipv6VXLANTunnelAddr: optional(address(6), ""),
  vxlanTunnelMACAddrV6: optional(mac(), ""),
  orchRefs: optional(list(object({ nodeName: optional(text(), ""), orchestrator: required(text()) })), []),
  wireguard: optional(
    object({ interfaceIPv4Address: optional(address(4), ""), interfaceIPv6Address: optional(address(6), "") }),
  ),
  addresses: optional(
    list(
      object({
        address: required(addressOrNetwork()),
        type: optional(choice("CalicoNodeIP", "InternalIP", "ExternalIP")),
      }),
    ),
    [],
  ),
  interfaces: optional(
    list(object({ name: optional(text(), ""), addresses: optional(list(addressOrNetwork()), []) })),
    [],
  ),
});

const status = object({
  wireguardPublicKey: optional(text(), ""),
  wireguardPublicKeyV6: optional(text(), ""),
  podCIDRs: optional(list(addressOrNetwork()), []),
});

export interface NodeSpec extends Infer<typeof spec> {}
export interface NodeStatus extends Infer<typeof status> {}
/** A machine that runs workloads, and where the others reach it. */
export type Node = Resource<NodeSpec, NodeStatus, "Node">;

/** The AS number of a cluster that was not given one: the first of those for private use (RFC 6996). */
export const DEFAULT_AS_NUMBER = 64512;

export const node = defineKind<Node>({
  kind: "Node",
  plural: "nodes",
  aliases: ["no", "nos"],
  namespaced: false,
  spec,
  status,
  storesEmptyStatus: true,
  rules: [checkBgp],
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
