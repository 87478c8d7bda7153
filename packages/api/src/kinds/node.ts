import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import {
  address,
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
  orchRefs: optional(list(object({ nodeName: optional(text(), ""), orchestrator: required(text()) }))),
  wireguard: optional(
    object({ interfaceIPv4Address: optional(address(4), ""), interfaceIPv6Address: optional(address(6), "") }),
  ),
  addresses: optional(
    list(
      object({
        address: required(text("an address")),
        type: optional(choice("CalicoNodeIP", "InternalIP", "ExternalIP")),
      }),
    ),
  ),
  interfaces: optional(list(object({ name: optional(text()), addresses: optional(list(text("an address"))) }))),
});

const status = object({
  wireguardPublicKey: optional(text(), ""),
  wireguardPublicKeyV6: optional(text(), ""),
  podCIDRs: optional(list(text("a network"))),
});

export interface NodeSpec extends Infer<typeof spec> {}
export interface NodeStatus extends Infer<typeof status> {}
export type Node = Resource<NodeSpec, NodeStatus, "Node">;

export const node = defineKind<Node>({
  kind: "Node",
  plural: "nodes",
  aliases: ["no"],
  namespaced: false,
  spec,
  status,
  rules: [],
  columns: [],
});
