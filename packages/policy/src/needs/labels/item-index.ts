import type { Labels, Selector } from "@ocicat/api";
import { changedLabels, labelOf } from "./difference.ts";
import { LabelMap, totalSize, union } from "./label-map.ts";
import { type Requirement, requirementsOf } from "./requirement.ts";

/** What a selector selects, without asking every item: by the values of labels that the selector needs. */
export class ItemIndex<Item extends { readonly labels: Labels }> {
  readonly #all = new Set<Item>();
  readonly #labels = new LabelMap<string, Item>();

  /** How many labels the items have, each counted once. */
  get labels(): number {
    return this.#labels.size;
  }

  /** The item's labels stay as they are until it is deleted or relabelled. */
  add(item: Item): void {
    this.#all.add(item);
    for (const name of Object.keys(item.labels)) this.#labels.add(name, item.labels[name] ?? "", item);
  }

  delete(item: Item): void {
    this.#all.delete(item);
    for (const name of Object.keys(item.labels)) this.#labels.delete(name, item.labels[name] ?? "", item);
  }

  /** Its labels are about to be these. */
  relabel(item: Item, after: Labels): void {
    for (const name of changedLabels(item.labels, after)) {
      const [old, now] = [labelOf(item.labels, name), labelOf(after, name)];
      if (old !== undefined) this.#labels.delete(name, old, item);
      if (now !== undefined) this.#labels.add(name, now, item);
    }
  }

  selectedBy(selector: Selector): readonly Item[] {
    return [...union(this.#candidates(selector))].filter((item) => selector.matches(item.labels));
  }

  #candidates(selector: Selector): readonly ReadonlySet<Item>[] {
    let fewest: readonly ReadonlySet<Item>[] = [this.#all];
    for (const requirement of requirementsOf(selector.root)) {
      const sets = this.#meeting(requirement);
      if (totalSize(sets) < totalSize(fewest)) fewest = sets;
    }
    return fewest;
  }

  #meeting(requirement: Requirement): readonly ReadonlySet<Item>[] {
    return requirement.flatMap(({ label, value }) =>
      value === undefined ? this.#labels.all(label) : [this.#labels.get(label, value)],
    );
  }
}
