import { OcicatError } from "@ocicat/kit";
import { type Family, ipv4, ipv6, type Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { NONE } from "./columns.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { OWN } from "./sources.ts";

/** A route that this speaker announces as its own. */
export interface OriginatedRoute {
  readonly prefix: Prefix;
  /** Why it exists, for people: "block 10.244.1.0/26, affinity host:node1". */
  readonly origin: string;
  /** Next hop: this speaker, ORIGIN IGP, empty AS_PATH, LOCAL_PREF 100 unless told. */
  readonly attributes?: Partial<PathAttributes> | undefined;
}

/** The unspecified address stands for this speaker; the export puts the session's address in its place. */
const SELF: Readonly<Record<Family, PathAttributes["nextHop"]>> = { 4: ipv4(0), 6: ipv6(0n) };

/** The routes of our own, as one more source of paths. */
export class OwnRoutes {
  readonly #locRib: LocRib;
  /** Why each exists. */
  readonly #origins = new Map<PrefixId, string>();

  constructor(locRib: LocRib) {
    this.#locRib = locRib;
    locRib.originOf = (prefix) => this.#origins.get(prefix);
  }

  get size(): number {
    return this.#origins.size;
  }

  /** Makes these all there is. Throws OcicatError, changing nothing, if a prefix comes twice. */
  declare(routes: Iterable<OriginatedRoute>): void {
    const wanted = new Map<string, OriginatedRoute>();
    for (const route of routes) {
      const text = route.prefix.toString();
      if (wanted.has(text)) throw twice(text, wanted.get(text)?.origin, route.origin);
      wanted.set(text, route);
    }
    for (const id of this.#origins.keys()) {
      const prefix = this.#locRib.prefixOf(id);
      if (!wanted.has(prefix.toString())) this.withdraw(prefix);
    }
    for (const route of wanted.values()) this.announce(route);
  }

  announce({ prefix, origin, attributes }: OriginatedRoute): void {
    const { store, paths, prefixes } = this.#locRib;
    const id = prefixes.hold(prefix);
    const set = store.acquire({ origin: 0, asPath: [], nextHop: SELF[prefix.family], ...attributes });
    const known = paths.find(id, OWN, 0);
    const path = known === NONE ? paths.add(id, OWN, 0) : known;
    const sameReason = this.#origins.get(id) === origin;
    if (paths.accepted[path] !== set || !sameReason) {
      paths.set(path, store.hold(set), store.hold(set));
      this.#origins.set(id, origin);
      // Policies see the reason, too.
      this.#locRib.markDirty(id, !sameReason);
    }
    store.release(set);
    prefixes.letGo(id);
  }

  withdraw(prefix: Prefix): void {
    const { paths, prefixes } = this.#locRib;
    const id = prefixes.find(prefix);
    const path = id === undefined ? NONE : paths.find(id, OWN, 0);
    if (id === undefined || path === NONE) return;
    this.#origins.delete(id);
    this.#locRib.markDirty(id);
    paths.remove(path);
  }
}

function twice(prefix: string, first: string | undefined, second: string): OcicatError {
  return new OcicatError({
    code: "BGP_ROUTE_TWICE",
    what: `${prefix} is to be announced twice`,
    why: `for "${first}" and for "${second}"`,
    fix: "give each prefix once",
  });
}
