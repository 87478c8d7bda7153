import {
  bgpConfiguration,
  clusterInformation,
  type FelixConfiguration,
  felixConfiguration,
  HOSTS_PREFIX,
  type IPPool,
  ippool,
  type Node,
  node as nodeKind,
  parseIpamKey,
  parseResourceKey,
} from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import type { Datastore } from "@ocicat/datastore";
import type { ClusterFacts, ClusterNode, NodeAddressFact, PoolFact } from "@ocicat/doctor";
import { type Address, Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import { BACKENDS, TUNNEL_KINDS } from "@ocicat/routing";
import { BACKEND, SENDS_BY } from "../tables/rows.ts";

const BGP_PORT = 179;

/** What the datastore holds, read anew: a table that a watch keeps would hide a datastore that is away. Throws DatastoreError. */
export async function readCluster(store: Datastore, client: ResourceClient): Promise<ClusterFacts> {
  const [felix, pools, nodes, bgp, cluster, hosts] = await Promise.all([
    client.list(felixConfiguration),
    client.list(ippool),
    client.list(nodeKind),
    client.list(bgpConfiguration),
    client.list(clusterInformation),
    store.list(HOSTS_PREFIX),
  ]);
  const settings = bgp.items.find(({ metadata }) => metadata.name === "default")?.spec;
  return {
    pools: pools.items.map(poolFact),
    nodes: nodes.items.map(nodeFact),
    affinities: hosts.items.flatMap(({ key }) => {
      const parsed = parseIpamKey(key);
      if (parsed?.kind !== "affinity" || parsed.owner.type !== "host") return [];
      return [{ node: parsed.owner.name, block: parsed.prefix }];
    }),
    tunnelMtus: felix.items.flatMap(tunnelMtus),
    bgpPort: settings?.listenPort ?? BGP_PORT,
    locked: cluster.items.some(({ spec }) => spec.datastoreReady === false),
    unreadable: [
      ...felix.unreadable,
      ...pools.unreadable,
      ...nodes.unreadable,
      ...bgp.unreadable,
      ...cluster.unreadable,
    ].map(({ key, reason }) => ({
      key,
      resource: resourceAt(key),
      reason,
    })),
  };
}

function poolFact({ metadata, spec }: IPPool): PoolFact {
  const { ipipMode, vxlanMode, disabled } = spec;
  return { name: metadata.name, cidr: parsePrefix(spec.cidr), ipipMode, vxlanMode, disabled };
}

function nodeFact({ metadata, spec }: Node): ClusterNode {
  const { annotations = {} } = metadata;
  const backend = BACKENDS.find((known) => known === annotations[BACKEND]) ?? "bird";
  const tunnels = {
    ipip: addressIn(spec.bgp?.ipv4IPIPTunnelAddr),
    vxlan: addressIn(spec.ipv4VXLANTunnelAddr),
    vxlan6: addressIn(spec.ipv6VXLANTunnelAddr),
  };
  return {
    name: metadata.name,
    ipv4: interfaceAddress(spec.bgp?.ipv4Address),
    ipv6: interfaceAddress(spec.bgp?.ipv6Address),
    backend,
    tunnels,
    sendsBy: annotations[SENDS_BY]?.split(",").filter((name) => name !== ""),
  };
}

function addressIn(text: string | undefined): Address | undefined {
  return text === undefined || text === "" ? undefined : parseAddress(text);
}

function interfaceAddress(text: string | undefined): NodeAddressFact | undefined {
  if (text === undefined || text === "") return undefined;
  const [address = "", length] = text.split("/");
  const parsed = parseAddress(address);
  return { address: parsed, subnet: length === undefined ? Prefix.host(parsed) : Prefix.of(parsed, Number(length)) };
}

function resourceAt(key: string): string | undefined {
  const parsed = parseResourceKey(key);
  return parsed?.namespace === undefined && parsed !== undefined
    ? `${parsed.kind.toLowerCase()} ${parsed.name}`
    : undefined;
}

const MTU_FIELDS = { ipip: "ipipMTU", vxlan: "vxlanMTU", vxlan6: "vxlanMTUV6" } as const;

function tunnelMtus({ metadata: { name }, spec }: FelixConfiguration): ClusterFacts["tunnelMtus"] {
  return TUNNEL_KINDS.flatMap((tunnel) => {
    const field = MTU_FIELDS[tunnel];
    return spec[field] ? [{ configuration: name, tunnel, field }] : [];
  });
}
