import { type Address, Prefix, PrefixTrie } from "@ocicat/net";
import { decideAnnouncement, decideRoute, whyNotLearned } from "./decide.ts";
import { type Announcement, type DesiredRoute, sameRoute } from "./desired.ts";
import type { AffinityRow, EndpointRow, LearnedRow, PoolRow } from "./inputs.ts";

/** What changed since the last flush; undefined means: no longer wanted. */
export interface RoutingChanges {
  readonly routes: ReadonlyMap<string, { readonly prefix: Prefix; readonly route: DesiredRoute | undefined }>;
  readonly announcements: ReadonlyMap<
    string,
    { readonly prefix: Prefix; readonly announcement: Announcement | undefined }
  >;
}

/** One answer to "why is this route there", or "why is it not". */
export interface WhyRoute {
  readonly prefix: Prefix;
  readonly route: DesiredRoute | undefined;
  readonly announcement: Announcement | undefined;
  /** Set if BGP offers the prefix and it is not used. */
  readonly refused: string | undefined;
}

/** Keeps the indexes, knows what a change touches, and decides again just that. */
export class RoutingResolver {
  readonly #self: string;
  readonly #pools = new PrefixTrie<PoolRow>();
  readonly #poolPrefix = new Map<string, Prefix>();
  readonly #ownBlocks = new PrefixTrie<AffinityRow>();
  readonly #endpointsByPrefix = new Map<string, EndpointRow>();
  readonly #endpoints = new Map<string, { readonly row: EndpointRow; readonly prefixes: readonly Prefix[] }>();
  readonly #learned = new Map<string, LearnedRow>();
  /** Every prefix that an input names, so that a pool's change finds what lies under it. */
  readonly #known = new Map<string, Prefix>();

  readonly #dirty = new Map<string, Prefix>();
  readonly #routes = new Map<string, DesiredRoute>();
  readonly #announcements = new Map<string, Announcement>();

  constructor(self: string) {
    this.#self = self;
  }

  setPool(name: string, pool: PoolRow | undefined): void {
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
    if (learned === undefined) this.#learned.delete(prefix.toString());
    else this.#learned.set(prefix.toString(), learned);
    this.#touch(prefix);
  }

  /** Decides what was touched and reports what differs. Empty maps if nothing does. */
  flush(): RoutingChanges {
    const routes = new Map<string, { prefix: Prefix; route: DesiredRoute | undefined }>();
    const announcements = new Map<string, { prefix: Prefix; announcement: Announcement | undefined }>();
    const indexes = this.#indexes();
    for (const [key, prefix] of this.#dirty) {
      const route = decideRoute(prefix, indexes);
      const routeBefore = this.#routes.get(key);
      if (
        route === undefined ? routeBefore !== undefined : routeBefore === undefined || !sameRoute(route, routeBefore)
      ) {
        routes.set(key, { prefix, route });
      }
      setOrDelete(this.#routes, key, route);

      const announcement = decideAnnouncement(prefix, indexes);
      if ((announcement === undefined) !== !this.#announcements.has(key))
        announcements.set(key, { prefix, announcement });
      setOrDelete(this.#announcements, key, announcement);

      if (!this.#named(key, prefix)) this.#known.delete(key);
    }
    this.#dirty.clear();
    return { routes, announcements };
  }

  get routes(): ReadonlyMap<string, DesiredRoute> {
    return this.#routes;
  }

  get announcements(): ReadonlyMap<string, Announcement> {
    return this.#announcements;
  }

  get pools(): Iterable<PoolRow> {
    return Array.from(this.#pools.entries(), (entry) => entry.value);
  }

  /** The pool an address belongs to. */
  poolOf(address: Address): PoolRow | undefined {
    return this.#pools.longestMatch(address)?.value;
  }

  /** Everything known about routes that match an address, or lie below or above a prefix; most specific first. */
  why(target: Prefix): WhyRoute[] {
    const indexes = this.#indexes();
    return [...this.#known.values()]
      .filter((prefix) => prefix.covers(target) || target.covers(prefix))
      .sort((a, b) => b.length - a.length || Prefix.compare(a, b))
      .map((prefix) => ({
        prefix,
        route: this.#routes.get(prefix.toString()),
        announcement: this.#announcements.get(prefix.toString()),
        refused: this.#learned.has(prefix.toString()) ? whyNotLearned(prefix, indexes) : undefined,
      }));
  }

  #indexes() {
    return {
      self: this.#self,
      pools: this.#pools,
      ownBlocks: this.#ownBlocks,
      endpoints: this.#endpointsByPrefix,
      learned: this.#learned,
    };
  }

  #touch(prefix: Prefix): void {
    this.#dirty.set(prefix.toString(), prefix);
    this.#known.set(prefix.toString(), prefix);
  }

  #touchBelow(cidr: Prefix): void {
    for (const prefix of this.#known.values()) if (cidr.covers(prefix)) this.#touch(prefix);
  }

  #named(key: string, prefix: Prefix): boolean {
    return this.#learned.has(key) || this.#endpointsByPrefix.has(key) || this.#ownBlocks.get(prefix) !== undefined;
  }
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
