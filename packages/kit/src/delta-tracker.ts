/**
 * Desired against actual, key by key, with the difference always at hand.
 *
 *      desired                actual
 *     ┌─────────┬──────────┬─────────┐
 *     │ to add  │ same     │ to      │
 *     │         │ or to    │ delete  │
 *     │         │ change   │         │
 *     └─────────┴──────────┴─────────┘
 *
 * Setting a key costs O(1), and the pending set holds only what differs: applying it costs what changed, not what is.
 */
export class DeltaTracker<K, V> {
  readonly #desired = new Map<K, V>();
  readonly #actual = new Map<K, V>();
  readonly #updates = new Set<K>();
  readonly #deletions = new Set<K>();
  readonly #equal: (a: V, b: V) => boolean;

  constructor(equal: (a: V, b: V) => boolean) {
    this.#equal = equal;
  }

  get desired(): ReadonlyMap<K, V> {
    return this.#desired;
  }

  get actual(): ReadonlyMap<K, V> {
    return this.#actual;
  }

  setDesired(key: K, value: V): void {
    this.#desired.set(key, value);
    this.#review(key);
  }

  deleteDesired(key: K): void {
    this.#desired.delete(key);
    this.#review(key);
  }

  /** Records what is known to exist: after a write, a notification or a dump. */
  setActual(key: K, value: V): void {
    this.#actual.set(key, value);
    this.#review(key);
  }

  deleteActual(key: K): void {
    this.#actual.delete(key);
    this.#review(key);
  }

  /** Takes a whole dump as the actual state. */
  replaceActual(entries: Iterable<readonly [K, V]>): void {
    const gone = new Set(this.#actual.keys());
    for (const [key, value] of entries) {
      gone.delete(key);
      this.setActual(key, value);
    }
    for (const key of gone) this.deleteActual(key);
  }

  /** How many keys differ. */
  get pending(): number {
    return this.#updates.size + this.#deletions.size;
  }

  /** Keys to create or change, with the value wanted and the one that is there (undefined if none). */
  *updates(): IterableIterator<{ readonly key: K; readonly desired: V; readonly actual: V | undefined }> {
    for (const key of this.#updates) {
      const desired = this.#desired.get(key);
      if (desired !== undefined) yield { key, desired, actual: this.#actual.get(key) };
    }
  }

  /** Keys that exist and should not. */
  *deletions(): IterableIterator<{ readonly key: K; readonly actual: V }> {
    for (const key of this.#deletions) {
      const actual = this.#actual.get(key);
      if (actual !== undefined) yield { key, actual };
    }
  }

  #review(key: K): void {
    const desired = this.#desired.get(key);
    const actual = this.#actual.get(key);
    const differs = desired !== undefined && (actual === undefined || !this.#equal(desired, actual));
    setMember(this.#updates, key, differs);
    setMember(this.#deletions, key, desired === undefined && actual !== undefined);
  }
}

function setMember<K>(set: Set<K>, key: K, member: boolean): void {
  if (member) set.add(key);
  else set.delete(key);
}
