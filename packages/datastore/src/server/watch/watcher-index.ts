import type { Change } from "../storage/entry.ts";
import { byteString, rangeContains, rangeIdentity } from "../storage/key-range.ts";
import type { Watcher } from "./watcher.ts";

/** The watchers of one and the same range. */
export type RangeGroup = ReadonlySet<Watcher>;

/**
 * Current watchers by what they watch. Agents all watch the same few prefixes, so a write is compared with the *distinct*
 * ranges, however many watchers share them; watchers of single keys are found by the key.
 */
export class WatcherIndex {
  readonly #keys = new Map<string, Set<Watcher>>();
  readonly #ranges = new Map<string, Set<Watcher>>();

  add(watcher: Watcher): void {
    const [groups, id] = this.#place(watcher);
    const group = groups.get(id);
    if (group === undefined) groups.set(id, new Set([watcher]));
    else group.add(watcher);
  }

  remove(watcher: Watcher): void {
    const [groups, id] = this.#place(watcher);
    const group = groups.get(id);
    group?.delete(watcher);
    if (group?.size === 0) groups.delete(id);
  }

  *[Symbol.iterator](): Generator<Watcher, void, undefined> {
    for (const group of this.#keys.values()) yield* group;
    for (const group of this.#ranges.values()) yield* group;
  }

  /** Which groups are concerned, and by which of the changes, in order. */
  match(changes: readonly Change[]): Map<RangeGroup, Change[]> {
    const matches = new Map<RangeGroup, Change[]>();
    const add = (group: RangeGroup, change: Change) => {
      const found = matches.get(group);
      if (found === undefined) matches.set(group, [change]);
      else found.push(change);
    };
    for (const change of changes) {
      const single = this.#keys.size === 0 ? undefined : this.#keys.get(byteString(change.entry.key));
      if (single !== undefined) add(single, change);
    }
    for (const group of this.#ranges.values()) {
      const [any] = group;
      if (any === undefined) continue;
      for (const change of changes) {
        if (rangeContains(any.spec.range, change.entry.key)) add(group, change);
      }
    }
    return matches;
  }

  #place({ spec: { range } }: Watcher): [Map<string, Set<Watcher>>, string] {
    return range.kind === "one" ? [this.#keys, byteString(range.key)] : [this.#ranges, rangeIdentity(range)];
  }
}
