import { compileSelector, type Labels, type Selector } from "@ocicat/api";
import type { SetMember, SetSpec } from "../../model/sets.ts";
import { type Item, portsOf } from "../items.ts";
import { ItemIndex } from "../labels/item-index.ts";
import { SelectorIndex } from "../labels/selector-index.ts";
import { Addresses, type Held } from "./addresses.ts";
import { Delta } from "./delta.ts";

/** Sets whose members belong to what a selector selects. */
export type SelectedSet = Exclude<SetSpec, { kind: "service" }>;

const ALL = compileSelector("all()");

/**
 * The members of sets, change by change. No set's members are kept: whether an address is in a set follows from the labels of
 * the items that have it. So a set costs what its selector costs, and ten thousand endpoints cost once.
 */
export class SelectedSets {
  readonly #selectors = new SelectorIndex<SelectedSet>();
  readonly #items = new ItemIndex<Item>();
  readonly #addresses = new Addresses();
  readonly #deltas = new Map<SelectedSet, Delta>();

  get counts(): { readonly addresses: number; readonly labels: number; readonly selectors: number } {
    return { addresses: this.#addresses.size, labels: this.#items.labels, selectors: this.#selectors.size };
  }

  /** From now on the set's changes are told. Answers its members, once each. */
  make(set: SelectedSet): readonly SetMember[] {
    this.#selectors.add(selectorOf(set), set);
    const members = new Set<SetMember>();
    for (const item of this.#items.selectedBy(selectorOf(set)))
      for (const held of item.held) for (const member of membersAt(set, item, held)) members.add(member);
    return [...members];
  }

  forget(set: SelectedSet): void {
    this.#selectors.delete(selectorOf(set), set);
    this.#deltas.delete(set);
  }

  /** An item with its value and labels, that is not there yet. */
  add(item: Item): void {
    this.#items.add(item);
    item.held = this.#addresses.hold(item);
    this.#setsOf(item.labels).forEach((set) => {
      this.#move(set, item, "add");
    });
  }

  /** An item as it was added or relabelled. */
  delete(item: Item): void {
    this.#setsOf(item.labels).forEach((set) => {
      this.#move(set, item, "remove");
    });
    this.#addresses.release(item);
    item.held = [];
    this.#items.delete(item);
  }

  relabel(item: Item, labels: Labels): void {
    for (const { selector, users } of this.#selectors.turning(item.labels, labels))
      for (const set of users) this.#move(set, item, selector.matches(labels) ? "add" : "remove");
    this.#items.relabel(item, labels);
    item.labels = labels;
  }

  /** What has changed since it was last asked, in sets made before. */
  takeChanges(): readonly (readonly [SelectedSet, Delta])[] {
    const changes = [...this.#deltas].filter(([, delta]) => !delta.isEmpty);
    this.#deltas.clear();
    this.#addresses.sweep();
    return changes;
  }

  #setsOf(labels: Labels): readonly SelectedSet[] {
    return this.#selectors.selecting(labels).flatMap(({ users }) => [...users]);
  }

  /** What the item brings to the set or takes from it: what no other item that has the address holds there. */
  #move(set: SelectedSet, item: Item, way: "add" | "remove"): void {
    const selector = selectorOf(set);
    for (const held of item.held) {
      for (const member of membersAt(set, item, held)) {
        const stays = held.isHeld(
          (by) => by !== item && selector.matches(by.labels) && membersAt(set, by, held).includes(member),
        );
        if (!stays) this.#delta(set)[way](member);
      }
    }
  }

  #delta(set: SelectedSet): Delta {
    const delta = this.#deltas.get(set) ?? new Delta();
    this.#deltas.set(set, delta);
    return delta;
  }
}

function selectorOf(set: SelectedSet): Selector {
  return set.selector ?? ALL;
}

/** What an item gives to a set by one of its addresses. */
function membersAt(set: SelectedSet, item: Item, held: Held): readonly SetMember[] {
  if (set.kind !== "namedPort") return [held];
  const ports = portsOf(item.value).filter(({ name, protocol }) => name === set.name && protocol === set.protocol);
  return [...new Set(ports.map(({ protocol, port }) => held.port(protocol, port)))];
}
