import type { Address, Prefix } from "@ocicat/net";
import { type AttributeId, AttributeStore } from "./attribute-store.ts";
import { FIRST_ROWS, grown32, grownU16, NONE, roomFor } from "./columns.ts";
import { Decision, type DecisionOptions, type NextHopResolver } from "./decision.ts";
import { IdQueue } from "./id-queue.ts";
import { type PathId, PathTable } from "./path-table.ts";
import { type PrefixId, PrefixTable } from "./prefix-table.ts";
import { OWN, type SourceId, Sources } from "./sources.ts";

export interface LocRibOptions extends DecisionOptions {
  /** Undefined: every next hop can be reached, at metric 0. */
  readonly resolve?: NextHopResolver | undefined;
  /** Whether somebody wants to know of paths that tie with the best. */
  readonly multipath?: boolean | undefined;
}

/** A path as somebody was told of it: it may have changed or gone since. */
export interface Told {
  readonly source: SourceId;
  readonly set: AttributeId;
}

/**
 * What `settle` says of a prefix. `changed`: the best path, or set of equally good paths, or best of those that cannot be used,
 * is not what it was. `wasLearned`: before this there was a learned route to tell of, also one that could not be used.
 */
export type OnDecided = (prefix: PrefixId, changed: boolean, wasLearned: boolean) => void;

/**
 * Every path to every prefix, and what was selected among them. Changes are queued and selected in batches, so that a
 * prefix which changes ten times in one turn is decided once.
 *
 *     prefix ─► paths            all there are: PathTable
 *            ─► best             the path that was selected, NONE if there was none
 *            ─► bestSource, bestSet   as it was then: what others were told of it. The set is held.
 */
export class LocRib {
  readonly store = new AttributeStore();
  readonly prefixes = new PrefixTable();
  readonly sources = new Sources();
  readonly paths = new PathTable(this.prefixes, this.store, this.sources);
  readonly decision: Decision;
  readonly #dirty = new IdQueue();
  /** Of those, the ones that have changed in a way that the selection does not show. */
  readonly #changed = new Set<PrefixId>();
  #best = new Int32Array(FIRST_ROWS);
  #bestSource = new Uint16Array(FIRST_ROWS);
  #bestSet = new Int32Array(FIRST_ROWS);
  /** The paths that tie with the best, where there are such, as they were when they were selected. */
  readonly #ties = new Map<PrefixId, readonly Told[]>();
  /** Of the prefixes that have paths and none that can be used: the best one, as it was. */
  readonly #unreachable = new Map<PrefixId, Told>();
  /** Why a route of our own exists. */
  originOf: (prefix: PrefixId) => string | undefined = () => undefined;
  readonly #multipath: boolean;
  readonly #resolves: boolean;

  constructor({ resolve, multipath = false, ...decision }: LocRibOptions = {}) {
    const { prefixes, paths, sources, store } = this;
    this.decision = new Decision({ prefixes, paths, sources, store }, resolve, decision);
    this.#multipath = multipath;
    this.#resolves = resolve !== undefined;
  }

  /** Prefixes that somebody knows: that have a path, or that a group still has to tell its peers of. */
  get size(): number {
    return this.prefixes.size;
  }

  /** Prefixes that wait for the decision process. */
  get pending(): number {
    return this.#dirty.size;
  }

  /** Every prefix that may have paths. */
  *ids(): IterableIterator<PrefixId> {
    const { end } = this.prefixes;
    for (let prefix = 1; prefix < end; prefix++) if (this.prefixes.isHeld(prefix)) yield prefix;
  }

  /** A path has come, changed or gone. `changed`: tell of it whatever is selected. */
  markDirty(prefix: PrefixId, changed = false): void {
    if (this.#dirty.add(prefix)) this.prefixes.holdAgain(prefix);
    if (changed) this.#changed.add(prefix);
  }

  /** Selects again where a path goes through one of these next hops (any unless told). */
  nextHopsChanged(nextHops?: readonly Address[]): void {
    const concerned = nextHops === undefined ? undefined : new Set<Address>(nextHops);
    const { paths, store } = this;
    const answers = new Map<AttributeId, boolean>();
    const isConcerned = (set: AttributeId) => {
      const known = answers.get(set) ?? concerned?.has(store.attributes(set).nextHop) ?? true;
      answers.set(set, known);
      return known;
    };
    for (let path = 1; path < paths.end; path++) {
      const set = paths.accepted[path] ?? NONE;
      if (set !== NONE && isConcerned(set)) this.markDirty(paths.prefix[path] ?? NONE);
    }
  }

  /** Decides up to `limit` of the prefixes that wait, in the order they were queued. */
  settle(limit: number, onDecided: OnDecided): void {
    for (let count = 0; count < limit; count++) {
      const prefix = this.#dirty.take();
      if (prefix === undefined) return;
      const wasLearned = this.isLearned(prefix);
      const forced = this.#changed.size > 0 && this.#changed.delete(prefix);
      const changed = this.#decide(prefix) || forced;
      onDecided(prefix, changed, wasLearned);
      this.prefixes.letGo(prefix);
    }
  }

  /** The path that was selected; NONE: none. */
  best(prefix: PrefixId): PathId {
    return this.#best[prefix] ?? NONE;
  }

  /** Where the best path came from, as it was told; OWN also where there is none. */
  bestSource(prefix: PrefixId): SourceId {
    return this.#bestSource[prefix] ?? OWN;
  }

  /** The attributes of the best path, as they were told; NONE: there is none. */
  bestSet(prefix: PrefixId): AttributeId {
    return this.#bestSet[prefix] ?? NONE;
  }

  /** Both of them; undefined: there is none. */
  told(prefix: PrefixId): Told | undefined {
    if (this.best(prefix) === NONE) return undefined;
    return { source: this.#bestSource[prefix] ?? OWN, set: this.#bestSet[prefix] ?? NONE };
  }

  /** The paths that tie with the best, without it, as they were told. */
  ties(prefix: PrefixId): readonly Told[] {
    return this.#ties.get(prefix) ?? [];
  }

  /** The best of the paths that cannot be used, while there are only such. */
  unreachable(prefix: PrefixId): Told | undefined {
    return this.#unreachable.size === 0 ? undefined : this.#unreachable.get(prefix);
  }

  /** Whether there is a learned route to tell of, also one that cannot be used. */
  isLearned(prefix: PrefixId): boolean {
    if (this.best(prefix) !== NONE) return this.#bestSource[prefix] !== OWN;
    const unreachable = this.unreachable(prefix);
    return unreachable !== undefined && unreachable.source !== OWN;
  }

  /** The step of the decision process that chose the best path. */
  stepOf(prefix: PrefixId): string {
    return this.decision.choose(prefix, this.best(prefix)).step;
  }

  prefixOf(prefix: PrefixId): Prefix {
    return this.prefixes.prefixOf(prefix);
  }

  /** True if the outcome is another than before. */
  #decide(prefix: PrefixId): boolean {
    if (prefix >= this.#best.length) this.#makeRoom(prefix);
    const { paths, decision } = this;
    const first = paths.first(prefix);
    const isAlone = first === NONE || paths.next(first) === NONE;
    // Most prefixes have one path: those are decided without making anything.
    const choice = isAlone ? undefined : decision.choose(prefix, this.best(prefix));
    const best = choice?.best ?? decision.onlyPath(prefix);
    const tiesChanged = this.#multipath && this.#setTies(prefix, choice?.multipath.slice(1) ?? []);
    const unreachableChanged = this.#resolves && this.#decideUnreachable(prefix, best);
    return this.#setBest(prefix, best) || tiesChanged || unreachableChanged;
  }

  #setBest(prefix: PrefixId, best: PathId): boolean {
    const { paths, store, sources } = this;
    const before = this.best(prefix);
    const source = best === NONE ? OWN : (paths.source[best] ?? OWN);
    const set = best === NONE ? NONE : (paths.accepted[best] ?? NONE);
    this.#best[prefix] = best;
    const beforeSource = this.#bestSource[prefix] ?? OWN;
    const beforeSet = this.#bestSet[prefix] ?? NONE;
    if (beforeSource === source && beforeSet === set) return (before === NONE) !== (best === NONE);
    store.hold(set);
    sources.hold(source);
    store.release(beforeSet);
    sources.release(beforeSource);
    this.#bestSource[prefix] = source;
    this.#bestSet[prefix] = set;
    return true;
  }

  #setTies(prefix: PrefixId, ties: readonly PathId[]): boolean {
    const before = this.#ties.size === 0 ? undefined : this.#ties.get(prefix);
    if (ties.length === 0 && before === undefined) return false;
    const after = ties.map((path) => this.#hold(path));
    const changed = !sameTold(before ?? [], after);
    for (const told of before ?? []) this.#release(told);
    if (after.length === 0) this.#ties.delete(prefix);
    else this.#ties.set(prefix, after);
    return changed;
  }

  #decideUnreachable(prefix: PrefixId, chosen: PathId): boolean {
    const before = this.#unreachable.get(prefix);
    const best = chosen === NONE ? this.decision.bestUnreachable(prefix) : NONE;
    if (best === NONE && before === undefined) return false;
    const after = best === NONE ? undefined : this.#hold(best);
    if (before !== undefined) this.#release(before);
    if (after === undefined) this.#unreachable.delete(prefix);
    else this.#unreachable.set(prefix, after);
    return !sameTold(before === undefined ? [] : [before], after === undefined ? [] : [after]);
  }

  #hold(path: PathId): Told {
    const source = this.paths.source[path] ?? OWN;
    this.sources.hold(source);
    return { source, set: this.store.hold(this.paths.accepted[path] ?? NONE) };
  }

  #release({ source, set }: Told): void {
    this.sources.release(source);
    this.store.release(set);
  }

  #makeRoom(prefix: PrefixId): void {
    const rows = roomFor(prefix, this.#best.length);
    this.#best = grown32(this.#best, rows);
    this.#bestSource = grownU16(this.#bestSource, rows);
    this.#bestSet = grown32(this.#bestSet, rows);
  }
}

function sameTold(a: readonly Told[], b: readonly Told[]): boolean {
  return a.length === b.length && a.every(({ source, set }, at) => b[at]?.source === source && b[at]?.set === set);
}
