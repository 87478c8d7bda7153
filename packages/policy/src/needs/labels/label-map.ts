/** Things by a label and a key of it, such as its value. What holds nothing is not kept. */
export class LabelMap<K, V> {
  readonly #labels = new Map<string, Map<K, Set<V>>>();
  readonly #counts = new Map<string, number>();

  /** How many labels there are. */
  get size(): number {
    return this.#labels.size;
  }

  get(label: string, key: K): ReadonlySet<V> {
    return this.#labels.get(label)?.get(key) ?? NONE;
  }

  /** Under all keys of the label. */
  all(label: string): readonly ReadonlySet<V>[] {
    return [...(this.#labels.get(label)?.values() ?? [])];
  }

  /** How many stand under all keys of the label. */
  count(label: string): number {
    return this.#counts.get(label) ?? 0;
  }

  add(label: string, key: K, value: V): void {
    const keys = this.#labels.get(label);
    if (keys === undefined) this.#labels.set(label, new Map([[key, new Set([value])]]));
    else {
      const set = keys.get(key);
      if (set === undefined) keys.set(key, new Set([value]));
      else if (set.has(value)) return;
      else set.add(value);
    }
    this.#counts.set(label, this.count(label) + 1);
  }

  delete(label: string, key: K, value: V): void {
    const keys = this.#labels.get(label);
    const set = keys?.get(key);
    if (!set?.delete(value)) return;
    this.#counts.set(label, this.count(label) - 1);
    if (set.size > 0) return;
    keys?.delete(key);
    if (keys?.size !== 0) return;
    this.#labels.delete(label);
    this.#counts.delete(label);
  }
}

const NONE: ReadonlySet<never> = new Set<never>();

export function totalSize(sets: readonly ReadonlySet<unknown>[]): number {
  return sets.reduce((sum, set) => sum + set.size, 0);
}

/** What stands in any of the sets, once. */
export function union<T>(sets: readonly ReadonlySet<T>[]): Iterable<T> {
  const filled = sets.filter((set) => set.size > 0);
  return filled.length === 1 ? (filled[0] ?? []) : new Set(filled.flatMap((set) => [...set]));
}
