import { OcicatError } from "@ocicat/kit";
import { type Family, ipv4, ipv6, type Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { AttributeStore } from "./attribute-store.ts";
import type { LocRib } from "./loc-rib.ts";
import type { Destination, Path } from "./path.ts";

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
  readonly #store: AttributeStore;
  readonly #paths = new Map<Destination, Path>();

  constructor(locRib: LocRib, store: AttributeStore) {
    this.#locRib = locRib;
    this.#store = store;
  }

  get size(): number {
    return this.#paths.size;
  }

  /** Makes these all there is. Throws OcicatError, changing nothing, if a prefix comes twice. */
  declare(routes: Iterable<OriginatedRoute>): void {
    const wanted = new Map<string, OriginatedRoute>();
    for (const route of routes) {
      const text = route.prefix.toString();
      if (wanted.has(text)) throw twice(text, wanted.get(text)?.origin, route.origin);
      wanted.set(text, route);
    }
    for (const { prefix } of this.#paths.keys()) if (!wanted.has(prefix.toString())) this.withdraw(prefix);
    for (const route of wanted.values()) this.announce(route);
  }

  announce({ prefix, origin, attributes }: OriginatedRoute): void {
    const destination = this.#locRib.destination(prefix);
    const previous = this.#paths.get(destination);
    const set = this.#store.acquire({ origin: 0, asPath: [], nextHop: SELF[prefix.family], ...attributes });
    if (previous !== undefined && previous.accepted === set && previous.origin === origin) {
      this.#store.release(set);
      return;
    }
    const path = { source: undefined, origin, received: set, accepted: set, refusal: undefined, stale: false };
    this.#paths.set(destination, path);
    this.#locRib.replace(destination, previous, path);
    this.#store.release(previous?.accepted);
  }

  withdraw(prefix: Prefix): void {
    const destination = this.#locRib.find(prefix);
    const path = destination === undefined ? undefined : this.#paths.get(destination);
    if (destination === undefined || path === undefined) return;
    this.#paths.delete(destination);
    this.#locRib.replace(destination, path, undefined);
    this.#store.release(path.accepted);
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
