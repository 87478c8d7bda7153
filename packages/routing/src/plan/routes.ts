import { type Address, formatAddress, formatMac, type Prefix, parsePrefix } from "@ocicat/net";
import { type DesiredRoute, RouteProtocol } from "../desired.ts";
import type { NodeRow, PoolRow } from "../inputs.ts";
import { wantedTunnels } from "../pool-path.ts";
import { RoutingResolver } from "../resolver.ts";
import { type NodeTunnels, TUNNEL_KINDS, TUNNELS, type TunnelKind } from "../tunnels.ts";
import { areNear, ownAddress, type PlanCluster, type PlanNode, routerOf } from "./cluster.ts";
import type { PoolChange } from "./steps.ts";

/** Pairs of nodes between which the same happens, with the route of one of them. */
export interface RouteClass {
  readonly between: string;
  /** How many ordered pairs there are. */
  readonly pairs: number;
  readonly from: string;
  readonly to: string;
  /** As `ip route` prints it, or why there is none. */
  readonly before: string;
  readonly after: string;
}

/** A pair, as far as it decides about the route. */
interface Pair {
  readonly from: PlanNode;
  readonly to: PlanNode;
  readonly near: boolean;
}

/** Routes before and after, by classes of pairs: what is decided is what the agents decide by, on one pair of each class. */
export function routeClasses(change: PoolChange, cluster: PlanCluster): readonly RouteClass[] {
  const family = change.after.cidr.family;
  const groups = new Map<string, { pairs: number; example: Pair }>();
  const ends = new Map(cluster.nodes.map((node) => [node, endOf(node)]));
  for (const from of cluster.nodes) {
    for (const to of cluster.nodes) {
      if (from === to) continue;
      const pair = { from, to, near: areNear(from, to, family) };
      const key = `${pair.near} ${from.backend} ${ends.get(to)}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { pairs: 1, example: pair });
      else {
        group.pairs += 1;
        // One with a block says more.
        if (group.example.to.blocks.length === 0 && to.blocks.length > 0) group.example = pair;
      }
    }
  }
  return [...groups.values()].map(({ pairs, example }) => ({
    between: describe(example),
    pairs,
    from: example.from.name,
    to: example.to.name,
    before:
      change.before === undefined
        ? "none: the pool is not there"
        : routeText(example, beforeState(change, example), cluster),
    after: routeText(example, afterState(change, example), cluster),
  }));
}

/** What of a receiver makes a class of its own: its backend, and the tunnels that lead to it. */
function endOf({ backend, tunnels }: PlanNode): string {
  return [backend, ...TUNNEL_KINDS.filter((kind) => tunnels[kind] !== undefined)].join();
}

function describe({ from, to, near }: Pair): string {
  const where = near ? "nodes of one subnet" : "nodes of different subnets";
  return from.backend === to.backend ? where : `${where}, of backends ${from.backend} and ${to.backend}`;
}

/** What a pair goes by, at one of the two times. */
interface State {
  readonly pools: readonly PoolRow[];
  readonly pool: PoolRow;
  /** Tunnels that the sender can use, and the receiver's ends. */
  readonly usable: readonly TunnelKind[];
  readonly ends: NodeTunnels;
}

function beforeState({ before, after, poolsBefore }: PoolChange, { from, to }: Pair): State {
  const usable = TUNNEL_KINDS.filter((kind) => from.tunnels[kind] !== undefined);
  return { pools: poolsBefore, pool: before ?? after, usable, ends: to.tunnels };
}

function afterState({ after, poolsAfter }: PoolChange, { from, to }: Pair): State {
  const wanted = wantedTunnels(poolsAfter, from.backend);
  const ends = wantedTunnels(poolsAfter, to.backend);
  return { pools: poolsAfter, pool: after, usable: [...wanted], ends: endsOf(to, ends, after) };
}

/** What stands for an address or a MAC that is not known yet is never shown. */
function endsOf(to: PlanNode, kinds: ReadonlySet<TunnelKind>, pool: PoolRow): NodeTunnels {
  const mac = formatMac(new Uint8Array(6));
  const vxlan = (kind: "vxlan" | "vxlan6") =>
    kinds.has(kind) ? { address: to.expected[kind] ?? pool.cidr.address, mac } : undefined;
  const ipip = to.ipv4?.address;
  return {
    ipip: kinds.has("ipip") && typeof ipip === "number" ? ipip : undefined,
    vxlan: vxlan("vxlan"),
    vxlan6: vxlan("vxlan6"),
  };
}

function routeText(pair: Pair, state: State, cluster: PlanCluster): string {
  const { from, to } = pair;
  const [text] = to.blocks;
  // A block that is not there yet is decided about like one that is.
  const block = text === undefined ? state.pool.cidr : parsePrefix(text);
  const shown = text ?? `each block of ${to.name}`;
  const { route, why } = decided(pair, state, cluster, block);
  if (route === undefined) return `none for ${shown}: ${why}`;
  return formatRoute(shown, route, viaText(route, to, state), route.device ?? from.interfaceName);
}

type Via = DesiredRoute & { readonly kind: "via" };

/** What the sender's agent decides about the block, and why; or why it has no route that leads anywhere. */
function decided(
  pair: Pair,
  state: State,
  cluster: PlanCluster,
  block: Prefix,
): { readonly route: Via | undefined; readonly why: string } {
  const { from, to } = pair;
  const family = state.pool.cidr.family;
  const nextHop = nextHopOf(pair, state, cluster);
  const resolver = new RoutingResolver(from.name, from.backend);
  for (const pool of state.pools) resolver.setPool(pool.name, pool);
  resolver.setNode(from.name, from);
  resolver.setNode(to.name, { ...(to as NodeRow), tunnels: state.ends });
  for (const kind of state.usable) resolver.setUsable(kind, true);
  resolver.setBlock("block", { prefix: block, node: to.name, borrowed: [] });
  if (nextHop !== undefined) {
    const nextHops = [{ address: nextHop, link: undefined }];
    resolver.setLearned(block, { prefix: block, nextHops, from: to.name, peering: undefined });
  }
  resolver.flush();
  const route = resolver.routes.get(block.toString());
  if (route?.kind !== "via") return { route: undefined, why: whyNone(resolver, block, from) };
  if (route.device === undefined && ownAddress(from, family)?.subnet.has(route.via) !== true) {
    return { route: undefined, why: `next hop ${formatAddress(route.via)} is on no subnet of ${from.name}` };
  }
  return { route, why: route.origin.reason };
}

/** A node's route to what is behind another one, as it follows from what is stored. */
export interface PresentRoute {
  /** As `ip route` prints it; undefined: there is none, and `why` says why. */
  readonly text: string | undefined;
  readonly via: Address | undefined;
  /** Undefined: it goes without one. */
  readonly tunnel: TunnelKind | undefined;
  readonly why: string;
}

/** `block`: the block, or the borrowed address, that holds the destination; `pool`: the pool that it is of. */
export function presentRoute(
  from: PlanNode,
  to: PlanNode,
  { block, pool }: { readonly block: Prefix; readonly pool: PoolRow },
  cluster: PlanCluster,
): PresentRoute {
  const pair = { from, to, near: areNear(from, to, block.family) };
  const usable = TUNNEL_KINDS.filter((kind) => from.tunnels[kind] !== undefined);
  const state = { pools: cluster.pools, pool, usable, ends: to.tunnels };
  const { route, why } = decided(pair, state, cluster, block);
  if (route === undefined) return { text: undefined, via: undefined, tunnel: undefined, why };
  const tunnel = TUNNEL_KINDS.find((kind) => TUNNELS[kind].device === route.device);
  const text = formatRoute(block.toString(), route, formatAddress(route.via), route.device ?? from.interfaceName);
  return { text, via: route.via, tunnel, why };
}

/** By BGP: the node itself, but where only a router's word leads to it. */
function nextHopOf({ from, to, near }: Pair, { pool }: State, cluster: PlanCluster): Address | undefined {
  if (from.backend !== "bird" || to.backend !== "bird" || pool.disableBgpExport) return undefined;
  const family = pool.cidr.family;
  const tunnelled = pool.ipipMode !== "Never" || pool.vxlanMode !== "Never";
  const byMesh = cluster.settings.meshEnabled && (near || tunnelled);
  const router = byMesh ? undefined : routerOf(from, cluster, family);
  return (near ? undefined : router) ?? ownAddress(to, family)?.address;
}

function whyNone(resolver: RoutingResolver, block: Prefix, { name, backend }: PlanNode): string {
  if (backend === "none") return `${name} routes nothing, its backend is none`;
  return resolver.why(block)[0]?.refused ?? `nothing tells ${name} of it, its backend is ${backend}`;
}

/** The far device's address, if that can be known beforehand. */
function viaText(route: Via, to: PlanNode, { ends }: State): string {
  const kind = TUNNEL_KINDS.find((candidate) => TUNNELS[candidate].device === route.device);
  const known = kind === undefined || kind === "ipip" || to.expected[kind] !== undefined || ends === to.tunnels;
  return known ? formatAddress(route.via) : `<${to.name}'s ${route.device}>`;
}

/** As `ip route` prints it; it leaves out the protocol number 3. */
function formatRoute(destination: string, { protocol, onlink }: Via, via: string, device: string | undefined): string {
  return [
    `${destination} via ${via}`,
    ...(device === undefined ? [] : [`dev ${device}`]),
    ...(protocol === RouteProtocol.boot ? [] : [protocol === RouteProtocol.bird ? "proto bird" : `proto ${protocol}`]),
    ...(onlink ? ["onlink"] : []),
  ].join(" ");
}
