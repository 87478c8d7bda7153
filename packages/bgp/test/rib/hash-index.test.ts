import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NONE } from "../../src/rib/columns.ts";
import { HashIndex } from "../../src/rib/hash-index.ts";

/** A table of keys, with rows that are used again: what the index is for. */
class Table {
  readonly index = new HashIndex();
  readonly keys: (number | undefined)[] = [undefined];
  readonly hashOf: (key: number) => number;

  constructor(hashOf: (key: number) => number) {
    this.hashOf = hashOf;
  }

  find(key: number): number {
    return this.index.at(this.#probe(key));
  }

  add(key: number): void {
    const slot = this.#probe(key);
    if (this.index.at(slot) !== NONE) return;
    const free = this.keys.indexOf(undefined, 1);
    const row = free === -1 ? this.keys.length : free;
    this.keys[row] = key;
    this.index.put(slot, row, this.hashOf(key));
  }

  remove(key: number): void {
    const row = this.find(key);
    if (row === NONE) return;
    this.index.remove(row);
    this.keys[row] = undefined;
  }

  #probe(key: number): number {
    const { index } = this;
    let slot = index.home(this.hashOf(key));
    while (index.at(slot) !== NONE && this.keys[index.at(slot)] !== key) slot = index.next(slot);
    return slot;
  }
}

/** From well spread to all in one place, and neighbours in a row at the end of the slots, where they begin again. */
const HASHES: Readonly<Record<string, (key: number) => number>> = {
  "spread out": (key) => Math.imul(key, 0x9e37_79b1),
  neighbours: (key) => key,
  "sixteen by sixteen": (key) => (Math.imul(key >>> 4, 0x9e37_79b1) << 4) | (key & 15),
  "every sixteenth": (key) => key << 4,
  "the same": () => 0x7fff_fff3,
  "at the end": (key) => -1 - (key & 3),
};

const step = fc.record({ remove: fc.boolean(), key: fc.nat(199) });

describe("HashIndex", () => {
  it.each(Object.entries(HASHES))(
    "finds what was put in and not taken out, with hashes that are %s",
    (_name, hashOf) => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 50, maxLength: 400 }), (steps) => {
          const table = new Table(hashOf);
          const model = new Set<number>();
          for (const { remove, key } of steps) {
            if (remove) {
              table.remove(key);
              model.delete(key);
            } else {
              table.add(key);
              model.add(key);
            }
          }
          for (let key = 0; key < 200; key++) {
            const row = table.find(key);
            expect(row === NONE ? undefined : table.keys[row]).toBe(model.has(key) ? key : undefined);
          }
        }),
        { seed: 5, numRuns: 60 },
      );
    },
  );
});
