import { type Address, compareAddresses, formatAddress, Prefix, PrefixTrie, parsePrefix } from "@ocicat/net";
import { decideAnnouncement, decideRoute, type Indexes } from "./decide.ts";
import { type Announcement, type DesiredRoute, sameRoute, sameVtep, type Vtep, waysOf } from "./desired.ts";
import type { AffinityRow, BlockRow, EndpointRow, LearnedRow, NodeRow, PeerGateway, PoolRow } from "./inputs.ts";
import type { Backend } from "./pool-path.ts";
import { tunnelReaches } from "./remote.ts";
import { TUNNELS, type TunnelKind } from "./tunnels.ts";
import { vtepsOf } from "./vteps.ts";

/** What changed since the last flush; undefined means: no longer wanted. */
export interface RoutingChanges {
  readonly routes: ReadonlyMap<string, { readonly prefix: Prefix; readonly route: DesiredRoute | undefined }>;
  readonly announcements: ReadonlyMap<
    string,
    { readonly prefix: Prefix; readonly announcement: Announcement | undefined }
  >;
  /** By tunnel and node. */
  readonly vteps: ReadonlyMap<string, Vtep | undefined>;
}

/** One answer to "why is this route there", or "why is it not". */
export interface WhyRoute {
  readonly prefix: Prefix;
  readonly route: DesiredRoute | undefined;
  readonly announcement: Announcement | undefined;
  /** Set if a way to the prefix is known and it is not used. */
  readonly refused: string | undefined;
}

/** Keeps the indexes, knows what a change touches, and decides again just that. */
export class RoutingResolver {
  readonly #self: string;
  readonly #backend: Backend;
  readonly #ipipByBlocks: boolean;
  readonly #pools = new PrefixTrie<PoolRow>();
  readonly #poolPrefix = new Map<string, Prefix>();
  readonly #ownBlocks = new PrefixTrie<AffinityRow>();
  readonly #endpointsByPrefix = new Map<string, EndpointRow>();
  readonly #endpoints = new Map<string, { readonly row: EndpointRow; readonly prefixes: readonly Prefix[] }>();
  readonly #learned = new Map<string, LearnedRow>();
  readonly #gateways = new Map<string, PeerGateway>();
  readonly #nodes = new Map<string, NodeRow>();
  readonly #nodesByAddress = new Map<string, NodeRow>();
  readonly #blocks = new Map<string, BlockRow>();
  readonly #placed = new Map<string, string>();
  readonly #usable = new Set<TunnelKind>();
  readonly #tunnelAddresses = new Map<string, TunnelKind>();
  /** Other nodes by the address, as a host prefix, of their VXLAN device of IPv6. */
  readonly #farEnds = new Map<string, string>();
  readonly #services = new Map<string, Announcement>();
  #serviceRanges: readonly Prefix[] = [];
  /** What a node's change touches: prefixes placed on it, and those learned with a next hop of its. */
  readonly #prefixesByNode = new KeyedSets();
  readonly #prefixesByHop = new KeyedSets();
  /** Every prefix that an input names, so that a pool's change finds what lies under it. */
  readonly #known = new Map<string, Prefix>();

  readonly #dirty = new Map<string, Prefix>();
  readonly #dirtyNodes = new Set<string>();
  readonly #routes = new Map<string, DesiredRoute>();
  readonly #refused = new Map<string, string>();
  readonly #announcements = new Map<string, Announcement>();
  readonly #vteps = new Map<string, Vtep>();

  /** `ipipByBlocks`: IPIP pools are routed by IPAM's blocks too, where BGP is another's who knows no tunnels. */
  constructor(self: string, backend: Backend = "bird", ipipByBlocks = false) {
    this.#self = self;
    this.#backend = backend;
    this.#ipipByBlocks = ipipByBlocks;
  }

  setPool(name: string, pool: PoolRow | undefined): void {
    // Whether any pool wants them.
    this.#touchAll(this.#farEnds.keys());
    const before = this.#poolPrefix.get(name);
    if (before !== undefined) {
      this.#pools.delete(before);
      this.#poolPrefix.delete(name);
      this.#touchBelow(before);
    }
    if (pool === undefined) return;
    this.#pools.set(pool.cidr, pool);
    this.#poolPrefix.set(name, pool.cidr);
    this.#touchBelow(pool.cidr);
  }

  /** Every node, this one too. */
  setNode(name: string, node: NodeRow | undefined): void {
    const before = this.#nodes.get(name);
    for (const own of [before?.ipv4, before?.ipv6]) {
      if (own === undefined) continue;
      const address = formatAddress(own.address);
      // Another node may have taken the address over meanwhile.
      if (this.#nodesByAddress.get(address) === before) this.#nodesByAddress.delete(address);
      this.#touchAll(this.#prefixesByHop.of(address));
    }
    setOrDelete(this.#nodes, name, node);
    this.#setFarEnd(name, before, node);
    for (const own of [node?.ipv4, node?.ipv6]) {
      if (node === undefined || own === undefined) continue;
      const address = formatAddress(own.address);
      this.#nodesByAddress.set(address, node);
      this.#touchAll(this.#prefixesByHop.of(address));
    }
    this.#touchAll(this.#prefixesByNode.of(name));
    this.#dirtyNodes.add(name);
    if (name === this.#self && !sameSubnets(before, node)) this.#touchAll(this.#known.keys());
  }

  #setFarEnd(name: string, before: NodeRow | undefined, node: NodeRow | undefined): void {
    if (name === this.#self) return;
    const [old, now] = [before, node].map((row) => row?.tunnels.vxlan6?.address);
    if (old !== undefined && old !== now) {
      const key = Prefix.host(old).toString();
      // Another node may have been given the address meanwhile.
      if (this.#farEnds.get(key) === name) this.#farEnds.delete(key);
      this.#touch(Prefix.host(old));
    }
    if (now === undefined) return;
    this.#farEnds.set(Prefix.host(now).toString(), name);
    this.#touch(Prefix.host(now));
  }

  /** Where IPAM places a block and what was borrowed of it. Of use for VXLAN pools only: others need not be told. */
  setBlock(key: string, block: BlockRow | undefined): void {
    const before = this.#blocks.get(key);
    for (const { prefix } of placesOf(before)) this.#place(prefix, undefined);
    setOrDelete(this.#blocks, key, block);
    for (const { prefix, node } of placesOf(block)) if (node !== this.#self) this.#place(prefix, node);
  }

  /** Only this node's affinities matter; others are accepted and ignored, so that callers need not filter. */
  setAffinity(node: string, block: Prefix, affinity: AffinityRow | undefined): void {
    if (node !== this.#self) return;
    if (affinity?.state === "confirmed") this.#ownBlocks.set(block, affinity);
    else this.#ownBlocks.delete(block);
    this.#touch(block);
    // Addresses inside change between "borrowed" and "covered by our block".
    for (const { prefixes } of this.#endpoints.values()) {
      for (const prefix of prefixes) if (block.covers(prefix)) this.#touch(prefix);
    }
    this.#touchAll(this.#tunnelAddresses.keys());
  }

  setEndpoint(id: string, endpoint: EndpointRow | undefined): void {
    const previous = this.#endpoints.get(id);
    for (const prefix of previous?.prefixes ?? []) {
      // Another endpoint may have taken the address over meanwhile.
      if (this.#endpointsByPrefix.get(prefix.toString()) === previous?.row)
        this.#endpointsByPrefix.delete(prefix.toString());
      this.#touch(prefix);
    }
    this.#endpoints.delete(id);
    if (endpoint === undefined) return;
    const prefixes = endpoint.addresses.map((address) => Prefix.host(address));
    this.#endpoints.set(id, { row: endpoint, prefixes });
    for (const prefix of prefixes) {
      this.#endpointsByPrefix.set(prefix.toString(), endpoint);
      this.#touch(prefix);
    }
  }

  setLearned(prefix: Prefix, learned: LearnedRow | undefined): void {
    const key = prefix.toString();
    const before = this.#learned.get(key);
    for (const { address } of before?.nextHops ?? []) this.#prefixesByHop.delete(formatAddress(address), key);
    setOrDelete(this.#learned, key, learned);
    for (const { address } of learned?.nextHops ?? []) this.#prefixesByHop.add(formatAddress(address), key);
    this.#touch(prefix);
  }

  /** Peers that lie behind a gateway of their own: all of them, by their host prefixes. */
  setGateways(gateways: ReadonlyMap<string, PeerGateway>): void {
    for (const key of this.#gateways.keys()) if (!gateways.has(key)) this.#touch(parsePrefix(key));
    for (const [key, { via }] of gateways) {
      const before = this.#gateways.get(key)?.via;
      if (before === undefined || compareAddresses(before, via) !== 0) this.#touch(parsePrefix(key));
    }
    this.#gateways.clear();
    for (const [key, gateway] of gateways) this.#gateways.set(key, gateway);
  }

  /** What of services this node announces: see ServiceAnnouncements. */
  setService(prefix: Prefix, announcement: Announcement | undefined): void {
    setOrDelete(this.#services, prefix.toString(), announcement);
    this.#touch(prefix);
  }

  /** What others announce in them is not programmed. */
  setServiceRanges(ranges: readonly Prefix[]): void {
    const before = this.#serviceRanges;
    this.#serviceRanges = ranges;
    for (const range of new Set([...before, ...ranges])) this.#touchBelow(range);
  }

  /** Whether this node's device of a kind works and every node can know that we send by it. */
  setUsable(kind: TunnelKind, usable: boolean): void {
    if (this.#usable.has(kind) === usable) return;
    if (usable) this.#usable.add(kind);
    else this.#usable.delete(kind);
    this.#touchAll(this.#known.keys());
    for (const name of this.#nodes.keys()) this.#dirtyNodes.add(name);
  }

  /** The address of this node's own device of a kind. */
  setTunnelAddress(kind: TunnelKind, address: Address | undefined): void {
    const wanted = address === undefined ? undefined : Prefix.host(address);
    for (const [key, of] of this.#tunnelAddresses) {
      if (of !== kind || key === wanted?.toString()) continue;
      this.#tunnelAddresses.delete(key);
      this.#touchAll([key]);
    }
    if (wanted === undefined) return;
    this.#tunnelAddresses.set(wanted.toString(), kind);
    this.#touch(wanted);
  }

  /** Decides what was touched and reports what differs. Empty maps if nothing does. */
  flush(): RoutingChanges {
    const routes = new Map<string, { prefix: Prefix; route: DesiredRoute | undefined }>();
    const announcements = new Map<string, { prefix: Prefix; announcement: Announcement | undefined }>();
    const indexes = this.#indexes();
    for (const [key, prefix] of this.#dirty) {
      const { route, refused } = decideRoute(prefix, indexes);
      const routeBefore = this.#routes.get(key);
      if (
        route === undefined ? routeBefore !== undefined : routeBefore === undefined || !sameRoute(route, routeBefore)
      ) {
        routes.set(key, { prefix, route });
      }
      setOrDelete(this.#routes, key, route);
      setOrDelete(this.#refused, key, refused);

      const announcement = decideAnnouncement(prefix, indexes);
      if ((announcement === undefined) !== !this.#announcements.has(key))
        announcements.set(key, { prefix, announcement });
      setOrDelete(this.#announcements, key, announcement);

      if (!this.#named(key, prefix)) this.#known.delete(key);
    }
    this.#dirty.clear();
    return { routes, announcements, vteps: this.#flushVteps() };
  }

  get routes(): ReadonlyMap<string, DesiredRoute> {
    return this.#routes;
  }

  get announcements(): ReadonlyMap<string, Announcement> {
    return this.#announcements;
  }

  get vteps(): ReadonlyMap<string, Vtep> {
    return this.#vteps;
  }

  get pools(): Iterable<PoolRow> {
    return Array.from(this.#pools.entries(), (entry) => entry.value);
  }

  get usable(): ReadonlySet<TunnelKind> {
    return this.#usable;
  }

  /** The pool an address belongs to. */
  poolOf(address: Address): PoolRow | undefined {
    return this.#pools.longestMatch(address)?.value;
  }

  /** Whether packets for a prefix get to a next hop by a tunnel that is ready at both ends, if its pool travels by one. */
  tunnelReaches(nextHop: Address, prefix: Prefix): boolean {
    return tunnelReaches(nextHop, prefix, this.#indexes());
  }

  /** Whether a route wanted now leads through a tunnel. */
  sendsBy(kind: TunnelKind): boolean {
    const { device } = TUNNELS[kind];
    return [...this.#routes.values()].some(
      (route) => route.kind === "via" && waysOf(route).some((way) => way.device === device),
    );
  }

  /** Everything known about routes that match an address, or lie below or above a prefix; most specific first. */
  why(target: Prefix): WhyRoute[] {
    return [...this.#known.values()]
      .filter((prefix) => prefix.covers(target) || target.covers(prefix))
      .sort((a, b) => b.length - a.length || Prefix.compare(a, b))
      .map((prefix) => ({
        prefix,
        route: this.#routes.get(prefix.toString()),
        announcement: this.#announcements.get(prefix.toString()),
        refused: this.#refused.get(prefix.toString()),
      }));
  }

  #flushVteps(): ReadonlyMap<string, Vtep | undefined> {
    const changes = new Map<string, Vtep | undefined>();
    for (const name of this.#dirtyNodes) {
      const node = name === this.#self ? undefined : this.#nodes.get(name);
      for (const [key, vtep] of vtepsOf(name, node, this.#usable)) {
        const before = this.#vteps.get(key);
        const same = vtep === undefined ? before === undefined : before !== undefined && sameVtep(vtep, before);
        if (!same) changes.set(key, vtep);
        setOrDelete(this.#vteps, key, vtep);
      }
    }
    this.#dirtyNodes.clear();
    return changes;
  }

  #indexes(): Indexes {
    return {
      self: this.#self,
      backend: this.#backend,
      ipipByBlocks: this.#ipipByBlocks,
      pools: this.#pools,
      nodes: this.#nodes,
      nodesByAddress: this.#nodesByAddress,
      placed: this.#placed,
      ownBlocks: this.#ownBlocks,
      endpoints: this.#endpointsByPrefix,
      learned: this.#learned,
      usable: this.#usable,
      tunnelAddresses: this.#tunnelAddresses,
      farEnds: this.#farEnds,
      gateways: this.#gateways,
      services: this.#services,
      serviceRanges: this.#serviceRanges,
    };
  }

  #place(prefix: Prefix, node: string | undefined): void {
    const key = prefix.toString();
    const before = this.#placed.get(key);
    if (before !== undefined) this.#prefixesByNode.delete(before, key);
    setOrDelete(this.#placed, key, node);
    if (node !== undefined) this.#prefixesByNode.add(node, key);
    this.#touch(prefix);
  }

  #touch(prefix: Prefix): void {
    this.#dirty.set(prefix.toString(), prefix);
    this.#known.set(prefix.toString(), prefix);
  }

  #touchAll(keys: Iterable<string>): void {
    for (const key of keys) {
      const prefix = this.#known.get(key);
      if (prefix !== undefined) this.#dirty.set(key, prefix);
    }
  }

  #touchBelow(cidr: Prefix): void {
    for (const prefix of this.#known.values()) if (cidr.covers(prefix)) this.#touch(prefix);
  }

  #named(key: string, prefix: Prefix): boolean {
    return (
      this.#learned.has(key) ||
      this.#placed.has(key) ||
      this.#endpointsByPrefix.has(key) ||
      this.#tunnelAddresses.has(key) ||
      this.#farEnds.has(key) ||
      this.#gateways.has(key) ||
      this.#services.has(key) ||
      this.#ownBlocks.get(prefix) !== undefined
    );
  }
}

/** Sets by key, without empty ones. */
class KeyedSets {
  readonly #sets = new Map<string, Set<string>>();

  of(key: string): Iterable<string> {
    return this.#sets.get(key) ?? [];
  }

  add(key: string, member: string): void {
    this.#sets.set(key, (this.#sets.get(key) ?? new Set()).add(member));
  }

  delete(key: string, member: string): void {
    const set = this.#sets.get(key);
    set?.delete(member);
    if (set?.size === 0) this.#sets.delete(key);
  }
}

function placesOf(block: BlockRow | undefined): readonly { readonly prefix: Prefix; readonly node: string }[] {
  if (block === undefined) return [];
  return block.node === undefined ? block.borrowed : [{ prefix: block.prefix, node: block.node }, ...block.borrowed];
}

/** What of this node's own row decides about others: which of them are near. */
function sameSubnets(a: NodeRow | undefined, b: NodeRow | undefined): boolean {
  const text = (node: NodeRow | undefined) => `${node?.ipv4?.subnet} ${node?.ipv6?.subnet}`;
  return text(a) === text(b);
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
