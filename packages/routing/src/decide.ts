import type { Origin, ResourceRef } from "@ocicat/kit";
import type { Prefix, PrefixTrie } from "@ocicat/net";
import { type Announcement, type DesiredRoute, RouteProtocol } from "./desired.ts";
import type { AffinityRow, EndpointRow, PeerGateway, PoolRow } from "./inputs.ts";
import { type Backend, wantedTunnels } from "./pool-path.ts";
import { decideRemote, poolOf, type RemoteIndexes } from "./remote.ts";
import { TUNNELS, type TunnelKind } from "./tunnels.ts";

/** What a decision may look at. Read-only here; the resolver keeps it. */
export interface Indexes extends RemoteIndexes {
  readonly backend: Backend;
  /** Confirmed affinities of this node. */
  readonly ownBlocks: PrefixTrie<AffinityRow>;
  /** This node's endpoints by host prefix. */
  readonly endpoints: ReadonlyMap<string, EndpointRow>;
  /** This node's tunnel addresses by host prefix. */
  readonly tunnelAddresses: ReadonlyMap<string, TunnelKind>;
  /** BGP peers that lie behind a gateway of their own, by host prefix. */
  readonly gateways: ReadonlyMap<string, PeerGateway>;
  /** Other nodes by the host prefix of their VXLAN device's IPv6 address. */
  readonly farEnds: ReadonlyMap<string, string>;
  /** What this node announces of services. */
  readonly services: ReadonlyMap<string, Announcement>;
  /** Where services' addresses are. */
  readonly serviceRanges: readonly Prefix[];
}

export interface RouteDecision {
  readonly route: DesiredRoute | undefined;
  /** Why a way that is known is not taken. */
  readonly refused?: string;
}

/** The route this node should have for exactly `prefix`, if any. */
export function decideRoute(prefix: Prefix, indexes: Indexes): RouteDecision {
  const local = localEndpointRoute(prefix, indexes);
  if (local !== undefined || indexes.backend === "none") return { route: local };
  const own = ownBlockRoute(prefix, indexes);
  if (own !== undefined) return { route: own };
  const farEnd = farEndRoute(prefix, indexes);
  if (farEnd !== undefined) return { route: farEnd };
  const gateway = indexes.gateways.get(prefix.toString());
  if (gateway !== undefined) return { route: gatewayRoute(prefix, gateway) };
  if (indexes.learned.has(prefix.toString()) && indexes.serviceRanges.some((range) => range.covers(prefix))) {
    return { route: undefined, refused: `${prefix} is of services: its packets are translated here, not sent on` };
  }
  const remote = decideRemote(prefix, indexes);
  if (remote === undefined) return { route: undefined };
  return "route" in remote ? remote : { route: undefined, refused: remote.refused };
}

/** Whether this node announces exactly `prefix`, and why. */
export function decideAnnouncement(prefix: Prefix, indexes: Indexes): Announcement | undefined {
  const pool = poolOf(prefix, indexes.pools);
  if (pool?.disableBgpExport === true) return undefined;
  const service = indexes.services.get(prefix.toString());
  if (service !== undefined || pool === undefined) return service;
  const block = indexes.ownBlocks.matches(prefix).next().value;
  if (block !== undefined) {
    // Inside a block of ours only the block itself is announced: that is the aggregation.
    if (!block.prefix.equals(prefix)) return undefined;
    return { prefix, origin: blockOrigin(`block of ${indexes.self}, announced to its peers`, block.value, pool) };
  }
  const tunnel = indexes.tunnelAddresses.get(prefix.toString());
  if (tunnel !== undefined) {
    const reason = `${indexes.self}'s ${TUNNELS[tunnel].title} address, borrowed from a block that is not its own`;
    return { prefix, origin: { reason, resources: [{ kind: "Node", name: indexes.self }, ...poolRef(pool)] } };
  }
  const endpoint = indexes.endpoints.get(prefix.toString());
  if (endpoint === undefined) return undefined;
  return {
    prefix,
    origin: endpointOrigin(`address borrowed from a block that is not ${indexes.self}'s`, endpoint, pool),
  };
}

function localEndpointRoute(prefix: Prefix, indexes: Indexes): DesiredRoute | undefined {
  const endpoint = indexes.endpoints.get(prefix.toString());
  if (endpoint === undefined) return undefined;
  return {
    kind: "device",
    destination: prefix,
    device: endpoint.interfaceName,
    protocol: RouteProtocol.boot,
    origin: endpointOrigin(
      `${endpoint.workload} runs here, behind ${endpoint.interfaceName}`,
      endpoint,
      poolOf(prefix, indexes.pools),
    ),
  };
}

function ownBlockRoute(prefix: Prefix, indexes: Indexes): DesiredRoute | undefined {
  const affinity = indexes.ownBlocks.get(prefix);
  // A host-sized block is wholly covered by its one endpoint's route; Calico installs no blackhole for it either.
  if (affinity === undefined || prefix.isHost) return undefined;
  const pool = poolOf(prefix, indexes.pools);
  const byBgp = pool === undefined || pool.vxlanMode === "Never";
  return {
    kind: "blackhole",
    destination: prefix,
    protocol: byBgp ? RouteProtocol.bird : RouteProtocol.felix,
    origin: blockOrigin(
      `block of ${indexes.self}: its addresses without a pod go nowhere, instead of looping through the default route`,
      affinity,
      pool,
    ),
  };
}

/**
 * The next hop of routes through VXLAN over IPv6, on the device itself. The kernel wants it so: it takes no IPv6 next hop,
 * not even `onlink`, that the routes present lead to by another device, and the far end's address lies in a block whose
 * route may still be an un-encapsulated one. With this route a block's route is replaced in one step.
 */
function farEndRoute(prefix: Prefix, { farEnds, usable, pools, backend }: Indexes): DesiredRoute | undefined {
  const node = farEnds.get(prefix.toString());
  if (node === undefined || !usable.has("vxlan6")) return undefined;
  const rows = Array.from(pools.entries(), ({ value }) => value);
  if (!wantedTunnels(rows, backend).has("vxlan6")) return undefined;
  const { device, title } = TUNNELS.vxlan6;
  return {
    kind: "device",
    destination: prefix,
    device,
    protocol: RouteProtocol.boot,
    origin: { reason: `${node}'s end of ${title}`, resources: [{ kind: "Node", name: node }] },
  };
}

/** As Calico has it, a static route of BIRD's. */
function gatewayRoute(destination: Prefix, { via, origin }: PeerGateway): DesiredRoute {
  return { kind: "via", destination, via, device: undefined, onlink: false, protocol: RouteProtocol.bird, origin };
}

function endpointOrigin(reason: string, endpoint: EndpointRow, pool: PoolRow | undefined): Origin {
  return { reason, resources: [{ kind: "WorkloadEndpoint", name: endpoint.id }, ...poolRef(pool)] };
}

function blockOrigin(reason: string, affinity: AffinityRow, pool: PoolRow | undefined): Origin {
  return {
    reason,
    resources: [{ kind: "BlockAffinity", name: `${affinity.node} ${affinity.block}` }, ...poolRef(pool)],
  };
}

function poolRef(pool: PoolRow | undefined): ResourceRef[] {
  return pool === undefined ? [] : [{ kind: "IPPool", name: pool.name }];
}
