import { type Address, bitsOf, type Family, familyOf } from "./address.ts";
import { Prefix } from "./prefix.ts";

/**
 * A longest-prefix map for both families. One hash table per prefix length in use: a look-up probes the lengths present,
 * longest first. A cluster has a handful of lengths (block, host, pool), so that is a handful of probes, and inserting
 * or removing one prefix costs O(1), with no rebalancing.
 */
export class PrefixTrie<V> {
  readonly #byLength: Readonly<Record<Family, Map<number, Map<string, { prefix: Prefix; value: V }>>>> = {
    4: new Map(),
    6: new Map(),
  };
  #size = 0;

  get size(): number {
    return this.#size;
  }

  set(prefix: Prefix, value: V): void {
    const lengths = this.#byLength[prefix.family];
    let table = lengths.get(prefix.length);
    if (table === undefined) {
      table = new Map();
      lengths.set(prefix.length, table);
    }
    if (!table.has(prefix.toString())) this.#size += 1;
    table.set(prefix.toString(), { prefix, value });
  }

  get(prefix: Prefix): V | undefined {
    return this.#byLength[prefix.family].get(prefix.length)?.get(prefix.toString())?.value;
  }

  delete(prefix: Prefix): boolean {
    const lengths = this.#byLength[prefix.family];
    const table = lengths.get(prefix.length);
    if (table === undefined || !table.delete(prefix.toString())) return false;
    if (table.size === 0) lengths.delete(prefix.length);
    this.#size -= 1;
    return true;
  }

  /** The most specific entry that holds the address. */
  longestMatch(address: Address): { readonly prefix: Prefix; readonly value: V } | undefined {
    return this.matches(Prefix.host(address)).next().value;
  }

  /** Every entry that covers `prefix`, most specific first. */
  *matches(prefix: Prefix): IterableIterator<{ readonly prefix: Prefix; readonly value: V }> {
    const lengths = this.#byLength[prefix.family];
    for (let length = Math.min(prefix.length, bitsOf(familyOf(prefix.address))); length >= 0; length--) {
      const table = lengths.get(length);
      if (table === undefined) continue;
      const entry = table.get(Prefix.of(prefix.address, length).toString());
      if (entry !== undefined) yield entry;
    }
  }

  *entries(): IterableIterator<{ readonly prefix: Prefix; readonly value: V }> {
    for (const lengths of [this.#byLength[4], this.#byLength[6]]) {
      for (const table of lengths.values()) yield* table.values();
    }
  }
}
