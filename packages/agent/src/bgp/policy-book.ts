import { compilePolicy, type FilterRules, type FilterWorld, type Policy, reject } from "@ocicat/bgp";
import type { Family } from "@ocicat/net";
import type { BgpFilterRow } from "../tables/bgp-filter-row.ts";
import { type ExportScope, exportPolicy, exportScopeKey, importPolicy } from "./export-policy.ts";

interface Entry {
  readonly key: string;
  readonly policy: Policy;
}

/**
 * The policies of sessions, by the filters that they name. A policy is the same function for as long as it decides alike:
 * another one makes the speaker judge all routes again, and peers with the same function share their UPDATEs. No session is
 * ended by a new one.
 */
export class PolicyBook {
  readonly #world: FilterWorld;
  readonly #entries = new Map<string, Entry>();
  readonly #used = new Set<string>();
  readonly #pairs = new WeakMap<Policy, WeakMap<Policy, Policy>>();
  #filters: ReadonlyMap<string, BgpFilterRow> = new Map();
  #scope: ExportScope = { pools: [], advertisements: [], reflected: [] };
  #scopeKey = "";
  #normalPriority: FilterWorld["normalPriority"];

  constructor(world: FilterWorld) {
    this.#world = world;
  }

  /** What policies go by from now on. Those that nobody asked for since the last time are forgotten. */
  update(filters: Iterable<BgpFilterRow>, scope: ExportScope, normalPriority?: FilterWorld["normalPriority"]): void {
    this.#filters = new Map([...filters].map((filter) => [filter.name, filter]));
    this.#scope = scope;
    this.#scopeKey = exportScopeKey(scope);
    this.#normalPriority = normalPriority;
    for (const place of this.#entries.keys()) if (!this.#used.has(place)) this.#entries.delete(place);
    this.#used.clear();
  }

  importing(filters: readonly string[], family: Family | "both"): Policy {
    if (family === "both") return this.#both(this.importing(filters, 4), this.importing(filters, 6));
    return this.#policy(`import ${family}`, filters, family === 4 ? "importV4" : "importV6", "", () => importPolicy);
  }

  exporting(filters: readonly string[], family: Family | "both"): Policy {
    if (family === "both") return this.#both(this.exporting(filters, 4), this.exporting(filters, 6));
    const field = family === 4 ? "exportV4" : "exportV6";
    return this.#policy(`export ${family}`, filters, field, this.#scopeKey, () => exportPolicy(this.#scope));
  }

  /** A session may carry both families. The same function for as long as both parts are. */
  #both(four: Policy, six: Policy): Policy {
    const known = this.#pairs.get(four)?.get(six);
    if (known !== undefined) return known;
    const policy: Policy = (route, peer) => (route.prefix.family === 4 ? four : six)(route, peer);
    this.#pairs.set(four, new WeakMap([[six, policy]]));
    return policy;
  }

  #policy(
    direction: string,
    names: readonly string[],
    field: "importV4" | "importV6" | "exportV4" | "exportV6",
    otherwiseKey: string,
    otherwise: () => Policy,
  ): Policy {
    const place = `${direction} ${names.join()}`;
    const filters = names.map((name) => this.#filters.get(name));
    const key = JSON.stringify([
      filters.map((filter) => filter?.key ?? null),
      otherwiseKey,
      this.#normalPriority ?? null,
    ]);
    this.#used.add(place);
    const known = this.#entries.get(place);
    if (known?.key === key) return known.policy;
    const missing = names.find((name) => !this.#filters.has(name));
    const rules = filters.flatMap((filter): FilterRules[] => (filter === undefined ? [] : [filter[field]]));
    const world = { ...this.#world, normalPriority: this.#normalPriority };
    const policy = missing === undefined ? compilePolicy(rules, otherwise(), world) : closed(missing);
    this.#entries.set(place, { key, policy });
    return policy;
  }
}

/** What a filter that is not there would keep back is not known: nothing passes until it is. */
function closed(name: string): Policy {
  const verdict = reject(`BGPFilter ${name}, which the BGPPeer names, is not there or cannot be read`);
  return () => verdict;
}
