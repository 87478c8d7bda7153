import type { Origin, ResourceRef } from "@ocicat/kit";
import { type Address, formatAddress, formatScoped, type Prefix, type PrefixTrie } from "@ocicat/net";
import { type DesiredRoute, RouteProtocol, sameWay, type Way, waysOf } from "./desired.ts";
import type { LearnedRow, NodeRow, OwnAddress, PoolRow } from "./inputs.ts";
import { type PoolPath, poolPath } from "./pool-path.ts";
import { TUNNEL_KINDS, TUNNELS, type TunnelKind } from "./tunnels.ts";

/** What the way to another node's addresses is decided by. */
export interface RemoteIndexes {
  readonly self: string;
  /** Enabled or not: a disabled pool still owns what it gave out. */
  readonly pools: PrefixTrie<PoolRow>;
  readonly nodes: ReadonlyMap<string, NodeRow>;
  /** Nodes by their own addresses, as text. */
  readonly nodesByAddress: ReadonlyMap<string, NodeRow>;
  /** The node that IPAM places a prefix on, for prefixes on other nodes. */
  readonly placed: ReadonlyMap<string, string>;
  /** IPIP pools go by IPAM's blocks, as VXLAN pools do. */
  readonly ipipByBlocks: boolean;
  readonly learned: ReadonlyMap<string, LearnedRow>;
  /** Tunnels whose device works here, after every node could know that we send by them. */
  readonly usable: ReadonlySet<TunnelKind>;
}

/** The route, or why there is none. */
export type RemoteDecision = { readonly route: DesiredRoute } | { readonly refused: string };

/** Where a prefix is: through which next hop, and on which node if it is one of ours. */
interface Place {
  readonly nextHop: Address;
  /** The interface, where the next hop is link-local. */
  readonly link: string | undefined;
  readonly node: NodeRow | undefined;
  readonly told: string;
  readonly byIpam: boolean;
  readonly peering: ResourceRef | undefined;
}

/**
 * The way to a prefix of another node; undefined if nothing says that it is there.
 *
 * The pool says which way is wanted. It is taken once both ends are ready: this node's device works, and the other has
 * published its own. Until then the packets go the way they can go, so that a switch of modes loses none: by another tunnel
 * that both still have, or without one inside a subnet.
 */
export function decideRemote(prefix: Prefix, indexes: RemoteIndexes): RemoteDecision | undefined {
  const pool = poolOf(prefix, indexes.pools);
  const key = prefix.toString();
  const learned = indexes.learned.get(key);
  if (pool === undefined) {
    if (learned === undefined) return undefined;
    return { refused: `${prefix} lies in no IPPool: only routes inside pools are ours to program` };
  }
  const path = poolPath(pool);
  const self = indexes.nodes.get(indexes.self);
  const own = prefix.family === 4 ? self?.ipv4 : self?.ipv6;
  const places = placesOf(key, path, learned, indexes);
  return asOne(places.map((place) => choose({ prefix, pool, path, place, own, indexes })));
}

/** Several decisions that are as good: those that are written alike become one route of several ways (ECMP). */
function asOne(decisions: readonly RemoteDecision[]): RemoteDecision | undefined {
  const routes = decisions.flatMap((decision) => ("route" in decision ? [decision.route] : []));
  const [first, ...others] = routes.filter((route) => route.kind === "via");
  if (first === undefined) return decisions[0];
  const ways = others.filter(({ protocol }) => protocol === first.protocol).flatMap(waysOf);
  const also = ways.filter((way, at) => !sameWay(way, first) && ways.findIndex((one) => sameWay(one, way)) === at);
  if (also.length === 0) return { route: first };
  const reason = `${first.origin.reason}; as good by ${also.map(wayText).join(", ")}`;
  return { route: { ...first, also, origin: { ...first.origin, reason } } };
}

function wayText({ via, device }: Way): string {
  return formatScoped({ address: via, link: device });
}

export function poolOf(prefix: Prefix, pools: PrefixTrie<PoolRow>): PoolRow | undefined {
  return pools.matches(prefix).next().value?.value;
}

/** VXLAN pools go by IPAM, with BGP for what IPAM does not place (yet); IPIP pools where it is so wanted; all others by BGP alone. */
function placesOf(
  key: string,
  path: PoolPath,
  learned: LearnedRow | undefined,
  { nodes, nodesByAddress, placed, ipipByBlocks }: RemoteIndexes,
): Place[] {
  const byBlocks = path.tunnel === "ipip" ? ipipByBlocks : path.tunnel !== undefined;
  const name = byBlocks ? placed.get(key) : undefined;
  if (name !== undefined) {
    const node = nodes.get(name);
    const own = path.tunnel === "vxlan6" ? node?.ipv6 : node?.ipv4;
    if (own !== undefined)
      return [
        { nextHop: own.address, link: undefined, node, told: `on ${name} by IPAM`, byIpam: true, peering: undefined },
      ];
  }
  return learned === undefined ? [] : placesLearned(learned, { nodesByAddress });
}

function placesLearned(
  { nextHops, from, peering }: LearnedRow,
  { nodesByAddress }: Pick<RemoteIndexes, "nodesByAddress">,
): Place[] {
  return nextHops.map((nextHop) => ({
    nextHop: nextHop.address,
    link: nextHop.link,
    node: nodesByAddress.get(formatAddress(nextHop.address)),
    told: `learned by BGP from ${from}, next hop ${formatScoped(nextHop)}`,
    byIpam: false,
    peering,
  }));
}

interface Choice {
  readonly prefix: Prefix;
  readonly pool: PoolRow;
  readonly path: PoolPath;
  readonly place: Place;
  readonly own: OwnAddress | undefined;
  readonly indexes: RemoteIndexes;
}

function choose(choice: Choice): RemoteDecision {
  const { path, place, own, indexes } = choice;
  const near = own?.subnet.has(place.nextHop) === true;
  if (path.tunnel === undefined) return { route: direct(choice, "un-encapsulated") };
  if (path.onlyAcrossSubnets && near) return { route: direct(choice, "in the same subnet, un-encapsulated") };
  // A router that is no node of ours has no tunnel's end.
  if (place.node === undefined) return { route: direct(choice, "the next hop is no node of ours, un-encapsulated") };

  const missing = missingFor(path.tunnel, place.node, indexes);
  if (missing === undefined) return { route: tunnelled(choice, path.tunnel, place.node, "") };
  const other = TUNNEL_KINDS.find(
    (kind) =>
      kind !== path.tunnel &&
      TUNNELS[kind].family === choice.prefix.family &&
      missingFor(kind, place.node, indexes) === undefined,
  );
  if (other !== undefined) return { route: tunnelled(choice, other, place.node, `, until ${missing}`) };
  if (near) return { route: direct(choice, `un-encapsulated until ${missing}`) };
  const router = routerTo(choice);
  if (router !== undefined) return { route: direct(router, `un-encapsulated until ${missing}`) };
  return { refused: `it waits until ${missing}: ${formatAddress(place.nextHop)} is in another subnet` };
}

/** What BGP says of a prefix that IPAM has placed, if it leads through a router on this node's subnet, which knows the prefix. */
function routerTo(choice: Choice): Choice | undefined {
  const { prefix, place, own, indexes } = choice;
  const key = prefix.toString();
  const learned = place.byIpam ? indexes.learned.get(key) : undefined;
  const [router] = learned === undefined ? [] : placesLearned(learned, indexes);
  return router !== undefined && own?.subnet.has(router.nextHop) === true ? { ...choice, place: router } : undefined;
}

/**
 * Whether a packet for a prefix gets to a next hop by a tunnel that both ends have ready: what `decideRemote` would take,
 * or fall back on.
 */
export function tunnelReaches(nextHop: Address, prefix: Prefix, indexes: RemoteIndexes): boolean {
  const pool = poolOf(prefix, indexes.pools);
  const node = indexes.nodesByAddress.get(formatAddress(nextHop));
  if (pool === undefined || node === undefined || poolPath(pool).tunnel === undefined) return false;
  return TUNNEL_KINDS.some(
    (kind) => TUNNELS[kind].family === prefix.family && missingFor(kind, node, indexes) === undefined,
  );
}

/** What a tunnel to a node waits for, in words; undefined if it can be used. */
function missingFor(kind: TunnelKind, node: NodeRow | undefined, { self, usable }: RemoteIndexes): string | undefined {
  const { title } = TUNNELS[kind];
  if (!usable.has(kind)) return `${self}'s ${title} device is in use`;
  if (node?.tunnels[kind] === undefined) return `${node?.name ?? "the node"} has published its ${title} address`;
  return undefined;
}

function direct(choice: Choice, how: string): DesiredRoute {
  const { prefix, place, path } = choice;
  const vxlanPool = path.tunnel === "vxlan" || path.tunnel === "vxlan6";
  return {
    kind: "via",
    destination: prefix,
    via: place.nextHop,
    device: place.link,
    onlink: false,
    protocol: vxlanPool ? RouteProtocol.felix : RouteProtocol.bird,
    origin: originOf(choice, how),
  };
}

/** Through VXLAN to the far device's address; through IPIP to the node's own, which the device puts into the outer header. */
function tunnelled(choice: Choice, kind: TunnelKind, node: NodeRow, note: string): DesiredRoute {
  const { prefix, place } = choice;
  const { device, title } = TUNNELS[kind];
  const end = kind === "ipip" ? undefined : node.tunnels[kind];
  return {
    kind: "via",
    destination: prefix,
    via: end?.address ?? place.nextHop,
    device,
    onlink: true,
    protocol: end === undefined ? RouteProtocol.bird : RouteProtocol.boot,
    origin: originOf(choice, `through ${title}${note}`),
  };
}

function originOf({ place, pool }: Choice, how: string): Origin {
  const node: ResourceRef[] = place.node === undefined ? [] : [{ kind: "Node", name: place.node.name }];
  const peering = place.peering === undefined ? [] : [place.peering];
  return { reason: `${place.told}, ${how}`, resources: [...node, ...peering, { kind: "IPPool", name: pool.name }] };
}
