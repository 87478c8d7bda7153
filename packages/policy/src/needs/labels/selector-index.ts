import type { Labels, Selector } from "@ocicat/api";
import { changedLabels, labelOf } from "./difference.ts";
import { LabelMap, totalSize, union } from "./label-map.ts";
import { type Requirement, requirementsOf } from "./requirement.ts";
import { sightOf } from "./sight.ts";

/** A selector and those who want to know what it selects. */
export interface Watched<User> {
  /** Of its own. */
  readonly id: number;
  readonly selector: Selector;
  readonly users: ReadonlySet<User>;
}

interface Watch<User> extends Watched<User> {
  readonly users: Set<User>;
  readonly requirement: Requirement | undefined;
}

/** Stand beside values, and are none. */
const PRESENT: unique symbol = Symbol("present");
const EVERYTHING: unique symbol = Symbol("everything");
type Key = string | typeof PRESENT | typeof EVERYTHING;

/**
 * Which selectors select some labels, and which change their mind when labels change, without asking each of them:
 *
 *     required   role == web   ──► the selectors that need it; those that need nothing stand apart
 *     seen       role: web     ──► the selectors that can tell it from other values
 *
 * A selector with several requirements stands under the one that fewest others stand under. So the cost is of what stands where
 * the labels lead to, and not of how many selectors there are.
 */
export class SelectorIndex<User> {
  /** By canonical text. */
  readonly #watches = new Map<string, Watch<User>>();
  readonly #unconditional = new Set<Watch<User>>();
  readonly #required = new LabelMap<Key, Watch<User>>();
  #next = 0;
  readonly #seen = new LabelMap<Key, Watch<User>>();

  /** How many selectors there are. */
  get size(): number {
    return this.#watches.size;
  }

  add(selector: Selector, user: User): void {
    const known = this.#watches.get(selector.text);
    if (known !== undefined) {
      known.users.add(user);
      return;
    }
    const requirement = this.#leastCrowded(requirementsOf(selector.root));
    const watch = { id: this.#next++, selector, users: new Set([user]), requirement };
    this.#watches.set(selector.text, watch);
    if (requirement === undefined) this.#unconditional.add(watch);
    for (const { label, value } of requirement ?? []) this.#required.add(label, value ?? PRESENT, watch);
    for (const [label, key] of seenBy(selector)) this.#seen.add(label, key, watch);
  }

  delete(selector: Selector, user: User): void {
    const watch = this.#watches.get(selector.text);
    if (!watch?.users.delete(user) || watch.users.size > 0) return;
    this.#watches.delete(selector.text);
    this.#unconditional.delete(watch);
    for (const { label, value } of watch.requirement ?? []) this.#required.delete(label, value ?? PRESENT, watch);
    for (const [label, key] of seenBy(selector)) this.#seen.delete(label, key, watch);
  }

  /** Those that select the labels. */
  selecting(labels: Labels): readonly Watched<User>[] {
    return [...union(this.#whereSatisfied([labels]))].filter(({ selector }) => selector.matches(labels));
  }

  /** Those that select one and not the other. */
  turning(before: Labels, after: Labels): readonly Watched<User>[] {
    const noticed = this.#whereNoticed(before, after);
    if (noticed.length === 0) return [];
    const satisfied = this.#whereSatisfied([before, after]);
    const fewer = totalSize(noticed) < totalSize(satisfied) ? noticed : satisfied;
    return [...union(fewer)].filter(({ selector }) => selector.matches(before) !== selector.matches(after));
  }

  /** Where all stand that select one of the labels. */
  #whereSatisfied(each: readonly Labels[]): readonly ReadonlySet<Watch<User>>[] {
    const slots = new Set<ReadonlySet<Watch<User>>>([this.#unconditional]);
    for (const labels of each) {
      for (const label of Object.keys(labels)) {
        if (this.#required.count(label) === 0) continue;
        slots.add(this.#required.get(label, PRESENT)).add(this.#required.get(label, labels[label] ?? ""));
      }
    }
    return [...slots];
  }

  /** Where all stand that can tell one from the other. */
  #whereNoticed(before: Labels, after: Labels): readonly ReadonlySet<Watch<User>>[] {
    const slots: ReadonlySet<Watch<User>>[] = [];
    for (const label of changedLabels(before, after)) {
      if (this.#seen.count(label) === 0) continue;
      slots.push(this.#seen.get(label, EVERYTHING));
      for (const value of [labelOf(before, label), labelOf(after, label)]) {
        if (value !== undefined) slots.push(this.#seen.get(label, value));
        else slots.push(this.#seen.get(label, PRESENT));
      }
    }
    return slots.filter(({ size }) => size > 0);
  }

  #leastCrowded(requirements: readonly Requirement[]): Requirement | undefined {
    const crowd = (requirement: Requirement) =>
      requirement.reduce((sum, { label, value }) => sum + this.#required.get(label, value ?? PRESENT).size, 0);
    let [least] = requirements;
    for (const other of requirements) if (least !== undefined && crowd(other) < crowd(least)) least = other;
    return least;
  }
}

function* seenBy(selector: Selector): Iterable<readonly [label: string, key: Key]> {
  for (const [label, { values, presence, everything }] of sightOf(selector.root)) {
    for (const value of values) yield [label, value];
    if (presence) yield [label, PRESENT];
    if (everything) yield [label, EVERYTHING];
  }
}
