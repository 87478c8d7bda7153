import type { Vtep } from "./desired.ts";
import type { NodeRow } from "./inputs.ts";
import { TUNNELS, type TunnelKind } from "./tunnels.ts";

const VXLAN_KINDS = ["vxlan", "vxlan6"] as const;

/**
 * A node's ends of the VXLANs that this node has a device for, by their keys; undefined: none. Every node that has published
 * one is known beforehand, not only those with routes: the first packet to a new block needs no further write.
 */
export function vtepsOf(
  name: string,
  node: NodeRow | undefined,
  usable: ReadonlySet<TunnelKind>,
): readonly (readonly [key: string, vtep: Vtep | undefined])[] {
  return VXLAN_KINDS.map((kind) => {
    const key = `${kind} ${name}`;
    const end = node?.tunnels[kind];
    const own = TUNNELS[kind].family === 4 ? node?.ipv4 : node?.ipv6;
    if (end === undefined || own === undefined || !usable.has(kind)) return [key, undefined];
    const reason = `${name} has published its ${TUNNELS[kind].title} device`;
    const origin = { reason, resources: [{ kind: "Node", name }] };
    return [key, { tunnel: kind, node: name, address: end.address, mac: end.mac, nodeAddress: own.address, origin }];
  });
}
