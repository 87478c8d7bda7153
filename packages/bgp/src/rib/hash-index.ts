import { FIRST_ROWS, grown32, NONE, roomFor } from "./columns.ts";

/** Slots from one that is taken to the next that is tried: odd, so that all are. */
const STRIDE = 17;
/** What STRIDE is undone by: their product is 1 in 32 bits. */
const UNSTRIDE = 0xf0f0_f0f1;

/**
 * Finds the row of a table by what is in it: open addressing, at most two thirds full. Keys that are neighbours may have hashes
 * that are neighbours, and so share a line of the processor's cache; who finds its slot taken goes on a line further, so that a
 * crowd of neighbours is not walked through one by one. The table compares; the index knows the rows' hashes only.
 *
 *     let slot = index.home(hash);
 *     while (index.at(slot) !== NONE && !same(index.at(slot))) slot = index.next(slot);
 *
 * then `at(slot)` is the row, or NONE, and `slot` where it belongs.
 */
export class HashIndex {
  #slots = new Int32Array(FIRST_ROWS * 2);
  /** Of each row that is in the index. */
  #hash = new Int32Array(FIRST_ROWS);
  #size = 0;

  home(hash: number): number {
    return hash & (this.#slots.length - 1);
  }

  next(slot: number): number {
    return (slot + STRIDE) & (this.#slots.length - 1);
  }

  at(slot: number): number {
    return this.#slots[slot] ?? NONE;
  }

  /** The hash with which a row was put in: equal rows have equal ones. */
  hashOf(row: number): number {
    return this.#hash[row] ?? 0;
  }

  /** Puts a row where the search for it ended. */
  put(slot: number, row: number, hash: number): void {
    if (row >= this.#hash.length) this.#hash = grown32(this.#hash, roomFor(row, this.#hash.length));
    this.#hash[row] = hash;
    this.#slots[slot] = row;
    this.#size += 1;
    if (this.#size * 3 > this.#slots.length * 2) this.#rehash();
  }

  remove(row: number): void {
    let hole = this.home(this.hashOf(row));
    while (this.at(hole) !== row) hole = this.next(hole);
    // Those behind the hole that a search would not find any more move up.
    for (let slot = this.next(hole); this.at(slot) !== NONE; slot = this.next(slot)) {
      const other = this.at(slot);
      const home = this.home(this.hashOf(other));
      if (this.#steps(home, slot) < this.#steps(hole, slot)) continue;
      this.#slots[hole] = other;
      hole = slot;
    }
    this.#slots[hole] = NONE;
    this.#size -= 1;
  }

  /** How often `next` leads from one slot to another. */
  #steps(from: number, to: number): number {
    return Math.imul(to - from, UNSTRIDE) & (this.#slots.length - 1);
  }

  #rehash(): void {
    const rows = this.#slots;
    this.#slots = new Int32Array(rows.length * 2);
    for (const row of rows) {
      if (row === NONE) continue;
      let slot = this.home(this.hashOf(row));
      while (this.at(slot) !== NONE) slot = this.next(slot);
      this.#slots[slot] = row;
    }
  }
}
