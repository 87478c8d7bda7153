import type { Prefix, ScopedAddress } from "@ocicat/net";
import type { AttributeStore } from "./attribute-store.ts";
import { MARK } from "./attribute-store.ts";
import { NONE } from "./columns.ts";
import { compareHops, forwardingHop } from "./forwarding-hop.ts";
import { PATH, type PathId, type PathTable } from "./path-table.ts";
import type { PrefixId, PrefixTable } from "./prefix-table.ts";
import { OWN, type RibPeer, type Sources } from "./sources.ts";

/** What the owner knows of a next hop. `metric`: the interior cost, lower is nearer. */
export interface NextHopState {
  readonly reachable: boolean;
  readonly metric: number;
}

/** What the owner makes of a next hop; of the prefix too, for what a tunnel reaches may be one network only. */
export type NextHopResolver = (nextHop: ScopedAddress, prefix: Prefix) => NextHopState;

/** Choices that RFC 4271 leaves to the operator. */
export interface DecisionOptions {
  /** Compare MEDs of paths through different ASs too (§9.1.2.2 c); false. */
  readonly alwaysCompareMed?: boolean | undefined;
  /** A path without MED counts as the worst, not the best; false. */
  readonly missingMedIsWorst?: boolean | undefined;
  /** RFC 5004: among external paths that tie up to the identifier the one that is best already stays; false. */
  readonly keepExternalBest?: boolean | undefined;
}

/** What the paths to a prefix are compared by lives in these. */
export interface DecisionTables {
  readonly prefixes: PrefixTable;
  readonly paths: PathTable;
  readonly sources: Sources;
  readonly store: AttributeStore;
}

/** What was chosen. */
export interface Choice {
  /** NONE: there is no path that can be used (RFC 4271 §9.1.2). */
  readonly best: PathId;
  /** The best, and those that tie with it up to the next hop's metric. */
  readonly multipath: readonly PathId[];
  /** The step that left only the best. */
  readonly step: string;
}

/** A step keeps some of the candidates; never none. */
interface Step {
  readonly name: string;
  readonly keep: (candidates: readonly PathId[]) => readonly PathId[];
}

export const ONLY_PATH = "only path";
export const UNREACHABLE = "next hop is not reachable";
const MED_WORST = 2 ** 32;
const NOTHING: Choice = { best: NONE, multipath: [], step: ONLY_PATH };

/**
 * RFC 4271 §9.1.1 (degree of preference) and §9.1.2.2 (tie-breaking a to g), with RFC 4456 §9 (originator instead of the
 * peer's identifier, shorter CLUSTER_LIST), RFC 9494 §4.3 (long-lived stale paths last) and, if wanted, RFC 5004. Without the
 * latter the outcome does not depend on what was chosen before, and never on the order of the candidates.
 */
export class Decision {
  readonly #tables: DecisionTables;
  readonly #resolve: NextHopResolver | undefined;
  readonly #options: DecisionOptions;
  readonly #preference: readonly Step[];
  readonly #tieBreaks: readonly Step[];
  /** The best path before, while a decision is made. */
  #before: PathId = NONE;

  constructor(tables: DecisionTables, resolve: NextHopResolver | undefined, options: DecisionOptions = {}) {
    this.#tables = tables;
    this.#resolve = resolve;
    this.#options = options;
    const { paths, sources, store } = tables;
    const set = (path: PathId) => paths.accepted[path] ?? NONE;
    const peer = (path: PathId) => sources.peer(paths.source[path] ?? OWN);
    this.#preference = [
      { name: "own route", keep: least((path) => (paths.source[path] === OWN ? 0 : 1)) },
      { name: "not long-lived stale", keep: least((path) => (this.#isLongLived(path) ? 1 : 0)) },
      { name: "highest LOCAL_PREF", keep: least((path) => -(store.localPref[set(path)] ?? 0)) },
      { name: "shortest AS_PATH", keep: least((path) => store.pathLength[set(path)] ?? 0) },
      { name: "lowest ORIGIN", keep: least((path) => store.origin[set(path)] ?? 0) },
      this.#medStep(set),
      { name: "external over internal", keep: least((path) => (peer(path)?.internal === true ? 1 : 0)) },
      { name: "nearest next hop", keep: least((path) => this.#metric(path)) },
    ];
    this.#tieBreaks = [
      { name: "best already, and external", keep: (candidates) => this.#keepBest(candidates) },
      {
        name: "lowest BGP identifier",
        keep: least((path) => (store.originatorId[set(path)] ?? 0) || (peer(path)?.routerId ?? 0)),
      },
      { name: "shortest CLUSTER_LIST", keep: least((path) => store.clusters[set(path)] ?? 0) },
      { name: "lowest peer address", keep: lowest((path) => endOf(peer(path)), compareHops) },
      // One peer may have told several (RFC 7911).
      { name: "lowest path identifier", keep: least((path) => paths.remoteId(path)) },
    ];
  }

  /** Chooses among the accepted paths to a prefix. `before`: what was chosen the last time, if it is still there. */
  choose(prefix: PrefixId, before: PathId): Choice {
    const { paths } = this.#tables;
    const first = paths.first(prefix);
    if (first === NONE) return NOTHING;
    if (paths.next(first) === NONE)
      return this.#isUsable(first) ? { best: first, multipath: [], step: ONLY_PATH } : NOTHING;
    return this.#rank(this.#candidates(prefix, true), before);
  }

  /** The one path of a prefix that has only one, if it can be used: what most prefixes are, without a look at the rest. */
  onlyPath(prefix: PrefixId): PathId {
    const { paths } = this.#tables;
    const first = paths.first(prefix);
    return first !== NONE && this.#isUsable(first) ? first : NONE;
  }

  /** What would be best if every next hop could be reached: for a prefix of which no path can be used. */
  bestUnreachable(prefix: PrefixId): PathId {
    return this.#rank(this.#candidates(prefix, false), NONE).best;
  }

  /** The best `limit` of the paths that can be used, best first: what is left when those before it are taken away. */
  ranked(prefix: PrefixId, limit: number): readonly PathId[] {
    let left = this.#candidates(prefix, true);
    if (left.length <= limit) return left;
    const ranked: PathId[] = [];
    while (ranked.length < limit && left.length > 0) {
      const { best } = this.#rank(left, NONE);
      ranked.push(best);
      left = left.filter((path) => path !== best);
    }
    return ranked;
  }

  /** The step at which each path that was not chosen was dropped. */
  losses(prefix: PrefixId, before: PathId): ReadonlyMap<PathId, string> {
    const dropped = new Map<PathId, string>();
    const candidates = this.#candidates(prefix, true);
    for (const path of this.#candidates(prefix, false)) if (!candidates.includes(path)) dropped.set(path, UNREACHABLE);
    this.#before = before;
    run([...this.#preference, ...this.#tieBreaks], candidates, (path, step) => dropped.set(path, step));
    return dropped;
  }

  #rank(candidates: readonly PathId[], before: PathId): Choice {
    const [first] = candidates;
    if (first === undefined) return NOTHING;
    if (candidates.length === 1) return { best: first, multipath: candidates, step: ONLY_PATH };
    this.#before = before;
    const preferred = run(this.#preference, candidates);
    const final = run(this.#tieBreaks, preferred.left);
    const best = final.left[0] ?? first;
    const ties = preferred.left.filter((path) => path !== best);
    return { best, multipath: [best, ...ties], step: final.last ?? preferred.last ?? ONLY_PATH };
  }

  #candidates(prefix: PrefixId, reachable: boolean): readonly PathId[] {
    const { paths } = this.#tables;
    const candidates: PathId[] = [];
    for (let path = paths.first(prefix); path !== NONE; path = paths.next(path)) {
      if (reachable ? this.#isUsable(path) : paths.accepted[path] !== NONE) candidates.push(path);
    }
    return candidates;
  }

  #isUsable(path: PathId): boolean {
    const { paths } = this.#tables;
    if (paths.accepted[path] === NONE) return false;
    return this.#resolve === undefined || paths.source[path] === OWN || this.#hop(path).reachable;
  }

  #hop(path: PathId): NextHopState {
    if (this.#resolve === undefined) return REACHABLE;
    const { paths, prefixes, sources, store } = this.#tables;
    const link = sources.peer(paths.source[path] ?? OWN)?.link;
    const hop = forwardingHop(store.attributes(paths.accepted[path] ?? NONE), link);
    return this.#resolve(hop, prefixes.prefixOf(paths.prefix[path] ?? NONE));
  }

  #metric(path: PathId): number {
    return this.#tables.paths.source[path] === OWN ? 0 : this.#hop(path).metric;
  }

  #isLongLived(path: PathId): boolean {
    const { paths, store } = this.#tables;
    return ((paths.flags[path] ?? 0) & PATH.longLived) !== 0 || store.is(paths.accepted[path] ?? NONE, MARK.llgrStale);
  }

  /** RFC 4271 §9.1.2.2 c): only paths through the same neighbouring AS are compared, unless configured. */
  #medStep(set: (path: PathId) => number): Step {
    const { store } = this.#tables;
    const { alwaysCompareMed = false, missingMedIsWorst = false } = this.#options;
    const med = (path: PathId) =>
      missingMedIsWorst && !store.is(set(path), MARK.hasMed) ? MED_WORST : (store.med[set(path)] ?? 0);
    if (alwaysCompareMed) return { name: "lowest MED", keep: least(med) };
    const through = (path: PathId) => store.neighbourAs[set(path)] ?? 0;
    return { name: "lowest MED from the same AS", keep: leastOfEach(through, med) };
  }

  /** RFC 5004 §3: no change from one external path to another for the sake of an identifier. */
  #keepBest(candidates: readonly PathId[]): readonly PathId[] {
    if (this.#options.keepExternalBest !== true || !candidates.includes(this.#before)) return candidates;
    const { paths, sources } = this.#tables;
    const isExternal = (path: PathId) => sources.peer(paths.source[path] ?? OWN)?.internal === false;
    return candidates.every(isExternal) ? [this.#before] : candidates;
  }
}

function endOf(peer: RibPeer | undefined): ScopedAddress | undefined {
  return peer && { address: peer.address, link: peer.link };
}

const REACHABLE: NextHopState = { reachable: true, metric: 0 };

function run(
  steps: readonly Step[],
  candidates: readonly PathId[],
  onDrop?: (path: PathId, step: string) => void,
): { readonly left: readonly PathId[]; readonly last: string | undefined } {
  let left = candidates;
  let last: string | undefined;
  for (const { name, keep } of steps) {
    if (left.length <= 1) break;
    const kept = keep(left);
    if (kept.length === left.length) continue;
    last = name;
    if (onDrop !== undefined) for (const path of left) if (!kept.includes(path)) onDrop(path, name);
    left = kept;
  }
  return { left, last };
}

/** Keeps those of the lowest rank. */
function least(rank: (path: PathId) => number): Step["keep"] {
  return (candidates) => {
    const lowestRank = candidates.reduce((low, path) => Math.min(low, rank(path)), Number.POSITIVE_INFINITY);
    return candidates.filter((path) => rank(path) === lowestRank);
  };
}

/** Keeps those of the lowest rank in each group. */
function leastOfEach(groupOf: (path: PathId) => number, rank: (path: PathId) => number): Step["keep"] {
  return (candidates) => {
    const lowestRank = new Map<number, number>();
    for (const path of candidates) {
      const group = groupOf(path);
      lowestRank.set(group, Math.min(lowestRank.get(group) ?? Number.POSITIVE_INFINITY, rank(path)));
    }
    return candidates.filter((path) => rank(path) === lowestRank.get(groupOf(path)));
  };
}

/** Keeps those whose value sorts before all others. */
function lowest<T>(keyOf: (path: PathId) => T | undefined, compare: (a: T, b: T) => number): Step["keep"] {
  return (candidates) => {
    const values = candidates.flatMap((path) => keyOf(path) ?? []);
    const least = values.reduce<T | undefined>(
      (low, next) => (low !== undefined && compare(low, next) <= 0 ? low : next),
      undefined,
    );
    if (least === undefined) return candidates;
    return candidates.filter((path) => {
      const key = keyOf(path);
      return key !== undefined && compare(key, least) === 0;
    });
  };
}
