import { DeltaTracker } from "@ocicat/kit";
import { elementKey, sameElement, sameShape } from "../equality.ts";
import type { NamedSet, SetElement } from "../ir/set.ts";
import type { Table } from "../ir/table.ts";
import type { ElementDelta } from "../plan/elements.ts";
import type { Operation } from "../plan/operation.ts";

interface TrackedSet {
  readonly set: NamedSet;
  readonly elements: DeltaTracker<string, SetElement>;
}

/**
 * One table as it should be, with its sets' elements kept apart: a change of one element costs O(1), and the `elements` of the
 * table as it was given are only where the sets began.
 */
export class DesiredTable {
  #table: Table | undefined;
  #sets: ReadonlyMap<string, TrackedSet> = new Map();
  /** Sets with elements that differ from the kernel's. */
  readonly #touched = new Set<string>();
  /** Sets that the kernel had when it was last heard of, and that are not followed any more. */
  readonly #givenUp = new Set<string>();
  /** The kernel has the table just so, elements aside. */
  settled = false;

  /** Undefined: there should be none. */
  get table(): Table | undefined {
    return this.#table;
  }

  /**
   * False if the kernel may hold elements of these sets that are not known here any more: a set was given up, and is wanted
   * again before the kernel was told. Then the kernel must be read.
   */
  replace(table: Table | undefined): boolean {
    if (table !== undefined && table === this.#table) return true;
    this.#table = table;
    this.settled = false;
    const before = this.#sets;
    this.#sets = new Map((table?.sets ?? []).map((set) => [set.name, tracked(set, before.get(set.name))]));
    const anew = [...this.#sets.keys()].filter((name) => !this.#keeps(name, before));
    const known = anew.every((name) => !this.#givenUp.has(name));
    for (const name of before.keys()) if (!this.#keeps(name, before)) this.#givenUp.add(name);
    for (const name of this.#sets.keys()) this.#touched.add(name);
    return known;
  }

  set(name: string): NamedSet | undefined {
    return this.#sets.get(name)?.set;
  }

  put(name: string, element: SetElement): void {
    const one = this.#sets.get(name);
    one?.elements.setDesired(elementKey(one.set, element), element);
    this.#touched.add(name);
  }

  drop(name: string, key: string): void {
    this.#sets.get(name)?.elements.deleteDesired(key);
    this.#touched.add(name);
  }

  /** What the kernel was found to hold. */
  observe(actual: Table | undefined): void {
    const there = new Map((actual?.sets ?? []).map((set) => [set.name, set]));
    for (const { set, elements } of this.#sets.values()) {
      const present = there.get(set.name);
      const usable = present !== undefined && sameShape(set, present) ? present.elements : [];
      elements.replaceActual(usable.map((element) => [elementKey(set, element), element] as const));
      this.#touched.add(set.name);
    }
    this.#givenUp.clear();
    this.settled = false;
  }

  get touched(): readonly NamedSet[] {
    return [...this.#touched].flatMap((name) => this.#sets.get(name)?.set ?? []);
  }

  delta(set: NamedSet, actual: NamedSet | undefined): ElementDelta {
    const elements = this.#sets.get(set.name)?.elements;
    if (elements === undefined) return { remove: [], add: [] };
    if (actual === undefined) return { remove: [], add: [...elements.desired.values()] };
    const updates = [...elements.updates()];
    return {
      remove: [...[...elements.deletions()].map((one) => one.actual), ...updates.flatMap((one) => one.actual ?? [])],
      add: updates.map((one) => one.desired),
    };
  }

  /** The kernel took the operations. */
  committed(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.op === "table.delete") for (const { elements } of this.#sets.values()) elements.replaceActual([]);
      if (operation.op !== "elements.add" && operation.op !== "elements.delete") continue;
      const one = this.#sets.get(operation.set.name);
      for (const element of operation.elements) {
        const key = elementKey(operation.set, element);
        if (operation.op === "elements.add") one?.elements.setActual(key, element);
        else one?.elements.deleteActual(key);
      }
    }
    this.#touched.clear();
    this.#givenUp.clear();
    this.settled = true;
  }

  #keeps(name: string, before: ReadonlyMap<string, TrackedSet>): boolean {
    const elements = before.get(name)?.elements;
    return elements !== undefined && elements === this.#sets.get(name)?.elements;
  }
}

/** Takes over what is known of the set as it was, if it is still the same kind of set. */
function tracked(set: NamedSet, before: TrackedSet | undefined): TrackedSet {
  const elements =
    before !== undefined && sameShape(before.set, set)
      ? before.elements
      : new DeltaTracker<string, SetElement>(sameElement);
  const gone = new Set(elements.desired.keys());
  for (const element of set.elements) {
    const key = elementKey(set, element);
    gone.delete(key);
    elements.setDesired(key, element);
  }
  for (const key of gone) elements.deleteDesired(key);
  return { set, elements };
}
