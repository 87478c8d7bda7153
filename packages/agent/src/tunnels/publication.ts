import { type Node, node } from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import { formatAddress, type Ipv4, type Ipv6 } from "@ocicat/net";
import { type Backend, type NodeTunnels, TUNNEL_KINDS, type TunnelKind } from "@ocicat/routing";
import { type AgentNodeRow, BACKEND, SENDS_BY } from "../tables/rows.ts";

/** What this node's resource says of its tunnels. */
export interface Publication {
  readonly tunnels: NodeTunnels;
  readonly sendsBy: ReadonlySet<TunnelKind>;
  readonly backend: Backend;
}

export function isPublished(row: AgentNodeRow, wanted: Publication): boolean {
  const { tunnels, sendsBy, backend } = wanted;
  return (
    row.backend === backend &&
    row.sendsBy !== undefined &&
    declaration(row.sendsBy) === declaration(sendsBy) &&
    row.tunnels.ipip === tunnels.ipip &&
    sameEnd(row.tunnels.vxlan, tunnels.vxlan) &&
    sameEnd(row.tunnels.vxlan6, tunnels.vxlan6)
  );
}

/** Writes it over the resource as it is now; the revision of the write. What others wrote there stays. Throws ResourceError. */
export async function publish(client: ResourceClient, name: string, wanted: Publication): Promise<bigint> {
  const present = await client.get(node, name);
  const { tunnels, sendsBy, backend } = wanted;
  const annotations = { ...present.metadata.annotations, [SENDS_BY]: declaration(sendsBy), [BACKEND]: backend };
  const resource: Node = {
    ...present,
    metadata: { ...present.metadata, annotations },
    spec: {
      ...present.spec,
      ...(present.spec.bgp === undefined
        ? {}
        : { bgp: { ...present.spec.bgp, ipv4IPIPTunnelAddr: text(tunnels.ipip) } }),
      ipv4VXLANTunnelAddr: text(tunnels.vxlan?.address),
      vxlanTunnelMACAddr: tunnels.vxlan?.mac ?? "",
      ipv6VXLANTunnelAddr: text(tunnels.vxlan6?.address),
      vxlanTunnelMACAddrV6: tunnels.vxlan6?.mac ?? "",
    },
  };
  const { resource: written } = await client.apply(resource);
  return BigInt(written.metadata.resourceVersion ?? "0");
}

function declaration(sendsBy: ReadonlySet<TunnelKind>): string {
  return TUNNEL_KINDS.filter((kind) => sendsBy.has(kind)).join(",");
}

function sameEnd(a: NodeTunnels["vxlan"], b: NodeTunnels["vxlan"]): boolean {
  return a?.address === b?.address && a?.mac === b?.mac;
}

function text(address: Ipv4 | Ipv6 | undefined): string {
  return address === undefined ? "" : formatAddress(address);
}
