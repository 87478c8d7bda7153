import { DeltaTracker, UNKNOWN_ORIGIN } from "@ocicat/kit";
import { Intervals } from "../check/intervals.ts";
import { elementKey, sameElement } from "../equality.ts";
import { element, type NamedSet, type SetElement } from "../ir/set.ts";
import type { Value } from "../ir/value.ts";
import type { ElementDelta } from "../plan/elements.ts";

/**
 * A set as it should be, with what the kernel is known to hold of it. Elements that go by themselves are told to the kernel once and
 * not followed: whether one is still there makes no difference to what is wanted.
 */
export class TrackedSet {
  #set: NamedSet;
  readonly #elements = new DeltaTracker<string, SetElement>(sameElement);
  readonly #intervals: Intervals | undefined;
  /** What the kernel has not been told yet of those that go by themselves. */
  readonly #fleeting = new Map<string, { readonly element: SetElement; readonly wanted: boolean }>();

  /** Without its elements, which are put one by one. */
  constructor(where: string, set: NamedSet) {
    this.#set = bare(set);
    this.#intervals = set.interval ? new Intervals(`${where} set ${set.name}`, set) : undefined;
  }

  /** Without its elements. */
  get set(): NamedSet {
    return this.#set;
  }

  get desired(): ReadonlyMap<string, SetElement> {
    return this.#elements.desired;
  }

  /** The same set for another reason. */
  rename(set: NamedSet): void {
    this.#set = bare(set);
  }

  /** Returns the element in whose place it is. */
  put(key: string, element: SetElement): SetElement | undefined {
    const before = this.#elements.desired.get(key);
    if (element.timeout !== undefined) {
      this.#elements.deleteDesired(key);
      this.#fleeting.set(key, { element, wanted: true });
      return before;
    }
    this.#fleeting.delete(key);
    this.#elements.setDesired(key, element);
    if (before === undefined) this.#intervals?.put(element);
    return before;
  }

  /** Returns the element that was there. */
  delete(key: string, values: readonly Value[]): SetElement | undefined {
    const before = this.#elements.desired.get(key);
    this.#elements.deleteDesired(key);
    this.#intervals?.delete(key);
    if (this.#set.timeout && before === undefined) {
      this.#fleeting.set(key, { element: element(UNKNOWN_ORIGIN, values), wanted: false });
    }
    return before;
  }

  /** Throws NftError for intervals that overlap. */
  verify(): void {
    this.#intervals?.verify();
  }

  /** What to change in the kernel's set, or to put into one just made. */
  delta(made: boolean): ElementDelta {
    const fleeting = [...this.#fleeting.values()];
    const arriving = fleeting.flatMap(({ element, wanted }) => (wanted ? [element] : []));
    if (made) return { remove: [], add: [...this.#elements.desired.values(), ...arriving] };
    const updates = [...this.#elements.updates()];
    return {
      remove: [
        ...[...this.#elements.deletions()].map(({ actual }) => actual),
        ...updates.flatMap(({ actual }) => actual ?? []),
        ...fleeting.flatMap(({ element, wanted }) => (wanted ? [] : [element])),
      ],
      add: [...updates.map(({ desired }) => desired), ...arriving],
    };
  }

  /** What the kernel was found to hold. */
  observe(elements: readonly SetElement[]): void {
    const staying = elements.filter(({ timeout }) => timeout === undefined);
    this.#elements.replaceActual(
      staying.map((found) => {
        const key = elementKey(this.#set, found);
        const wanted = this.#elements.desired.get(key);
        // One of two equal elements need not be kept.
        return [key, wanted !== undefined && sameElement(wanted, found) ? wanted : found] as const;
      }),
    );
  }

  /** The kernel took them. */
  added(elements: readonly SetElement[]): void {
    for (const one of elements) {
      const key = elementKey(this.#set, one);
      if (one.timeout === undefined) this.#elements.setActual(key, one);
      else this.#fleeting.delete(key);
    }
  }

  /** The kernel took them away. */
  removed(elements: readonly SetElement[]): void {
    for (const one of elements) {
      const key = elementKey(this.#set, one);
      this.#elements.deleteActual(key);
      if (this.#fleeting.get(key)?.wanted === false) this.#fleeting.delete(key);
    }
  }
}

/** The elements are kept beside it. */
function bare(set: NamedSet): NamedSet {
  return set.elements.length === 0 ? set : Object.freeze({ ...set, elements: [] });
}
