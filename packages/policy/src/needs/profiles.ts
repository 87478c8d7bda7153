import type { Labels } from "@ocicat/api";
import type { Profile } from "../model/policy.ts";
import { effectiveLabels, type Labelled } from "../read/labels.ts";
import type { Item } from "./items.ts";
import type { Replaced } from "./replaced.ts";
import { same } from "./same.ts";

interface Entry {
  profile: Profile | undefined;
  /** Those that inherit its labels. */
  readonly items: Set<Item>;
  /** How many endpoints of this node name it. */
  users: number;
}

/** Who names which profile: for its labels, everywhere in the cluster; for its rules, on this node. */
export class Profiles {
  readonly #entries = new Map<string, Entry>();
  readonly #told = new Map<string, Profile | "missing">();
  readonly #dirty = new Set<string>();

  get size(): number {
    return this.#entries.size;
  }

  /** Answers the items whose labels may be others now. */
  set(name: string, profile: Profile | undefined): Iterable<Item> {
    const entry = this.#entry(name);
    const before = entry.profile;
    entry.profile = profile;
    this.#dirty.add(name);
    this.#tidy(name, entry);
    return same(before?.labels, profile?.labels) ? [] : entry.items;
  }

  labelsOf(labelled: Labelled): Labels {
    return effectiveLabels(labelled, (name) => this.#entries.get(name)?.profile);
  }

  attach(item: Item, names: readonly string[]): void {
    for (const name of names) this.#entry(name).items.add(item);
  }

  detach(item: Item, names: readonly string[]): void {
    for (const name of names) {
      const entry = this.#entry(name);
      entry.items.delete(item);
      this.#tidy(name, entry);
    }
  }

  use(names: readonly string[]): void {
    for (const name of names) this.#count(name, 1);
  }

  release(names: readonly string[]): void {
    for (const name of names) this.#count(name, -1);
  }

  /** Profiles that are in use otherwise than when it was last asked. */
  takeChanges(): ReadonlyMap<string, Replaced<Profile | "missing">> {
    const changes = new Map<string, Replaced<Profile | "missing">>();
    for (const name of this.#dirty) {
      const before = this.#told.get(name);
      const entry = this.#entries.get(name);
      const after = entry === undefined || entry.users === 0 ? undefined : (entry.profile ?? "missing");
      if (same(before, after)) continue;
      if (after === undefined) this.#told.delete(name);
      else this.#told.set(name, after);
      changes.set(name, { before, after });
    }
    this.#dirty.clear();
    return changes;
  }

  #count(name: string, by: number): void {
    const entry = this.#entry(name);
    entry.users += by;
    this.#dirty.add(name);
    this.#tidy(name, entry);
  }

  #entry(name: string): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { profile: undefined, items: new Set(), users: 0 };
    this.#entries.set(name, entry);
    return entry;
  }

  #tidy(name: string, { profile, items, users }: Entry): void {
    if (profile === undefined && items.size === 0 && users === 0) this.#entries.delete(name);
  }
}
