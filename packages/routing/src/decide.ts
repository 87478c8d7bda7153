import type { Origin, ResourceRef } from "@ocicat/kit";
import { formatAddress, type Prefix, type PrefixTrie } from "@ocicat/net";
import { type Announcement, type DesiredRoute, RouteProtocol } from "./desired.ts";
import type { AffinityRow, EndpointRow, LearnedRow, PoolRow } from "./inputs.ts";

/** What a decision may look at. Read-only here; the resolver keeps it. */
export interface Indexes {
  readonly self: string;
  /** Enabled or not: a disabled pool still owns what it gave out. */
  readonly pools: PrefixTrie<PoolRow>;
  /** Confirmed affinities of this node. */
  readonly ownBlocks: PrefixTrie<AffinityRow>;
  /** This node's endpoints by host prefix. */
  readonly endpoints: ReadonlyMap<string, EndpointRow>;
  readonly learned: ReadonlyMap<string, LearnedRow>;
}

/** The route this node should have for exactly `prefix`, or undefined. */
export function decideRoute(prefix: Prefix, indexes: Indexes): DesiredRoute | undefined {
  return localEndpointRoute(prefix, indexes) ?? ownBlockRoute(prefix, indexes) ?? learnedRoute(prefix, indexes);
}

/** Whether this node announces exactly `prefix`, and why. */
export function decideAnnouncement(prefix: Prefix, indexes: Indexes): Announcement | undefined {
  const pool = poolOf(prefix, indexes);
  if (pool === undefined || pool.disableBgpExport) return undefined;
  const block = indexes.ownBlocks.matches(prefix).next().value;
  if (block !== undefined) {
    // Inside a block of ours only the block itself is announced: that is the aggregation.
    if (!block.prefix.equals(prefix)) return undefined;
    return { prefix, origin: blockOrigin(`block of ${indexes.self}, announced to its peers`, block.value, pool) };
  }
  const endpoint = indexes.endpoints.get(prefix.toString());
  if (endpoint === undefined) return undefined;
  return {
    prefix,
    origin: endpointOrigin(`address borrowed from a block that is not ${indexes.self}'s`, endpoint, pool),
  };
}

/** Why a learned prefix is not programmed; undefined if it may be. */
export function whyNotLearned(prefix: Prefix, indexes: Indexes): string | undefined {
  if (poolOf(prefix, indexes) === undefined)
    return `${prefix} lies in no IPPool: only routes inside pools are ours to program`;
  return undefined;
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
      poolOf(prefix, indexes),
    ),
  };
}

function ownBlockRoute(prefix: Prefix, indexes: Indexes): DesiredRoute | undefined {
  const affinity = indexes.ownBlocks.get(prefix);
  // A host-sized block is wholly covered by its one endpoint's route; Calico installs no blackhole for it either.
  if (affinity === undefined || prefix.isHost) return undefined;
  return {
    kind: "blackhole",
    destination: prefix,
    protocol: RouteProtocol.bird,
    origin: blockOrigin(
      `block of ${indexes.self}: its addresses without a pod go nowhere, instead of looping through the default route`,
      affinity,
      poolOf(prefix, indexes),
    ),
  };
}

function learnedRoute(prefix: Prefix, indexes: Indexes): DesiredRoute | undefined {
  const learned = indexes.learned.get(prefix.toString());
  if (learned === undefined || whyNotLearned(prefix, indexes) !== undefined) return undefined;
  const pool = poolOf(prefix, indexes);
  const node: ResourceRef[] = learned.fromNode === undefined ? [] : [{ kind: "Node", name: learned.fromNode }];
  return {
    kind: "via",
    destination: prefix,
    via: learned.nextHop,
    device: undefined,
    onlink: false,
    protocol: RouteProtocol.bird,
    origin: {
      reason: `learned by BGP from ${learned.from}, next hop ${formatAddress(learned.nextHop)}, un-encapsulated`,
      resources: [...node, ...poolRef(pool)],
    },
  };
}

function poolOf(prefix: Prefix, indexes: Indexes): PoolRow | undefined {
  return indexes.pools.matches(prefix).next().value?.value;
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
