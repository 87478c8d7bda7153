/** Sets of values by key, without empty ones: what is taken out leaves nothing behind. */
export class Groups<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  get(key: K): ReadonlySet<V> {
    return this.#sets.get(key) ?? NONE;
  }

  has(key: K): boolean {
    return this.#sets.has(key);
  }

  keys(): IterableIterator<K> {
    return this.#sets.keys();
  }

  get size(): number {
    return this.#sets.size;
  }

  add(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, new Set([value]));
    else set.add(value);
  }

  delete(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set?.delete(value) === true && set.size === 0) this.#sets.delete(key);
  }
}

const NONE: ReadonlySet<never> = new Set();
