import type { AttributeId } from "./attribute-store.ts";
import { FIRST_ROWS, grown32, grownU16, NONE, putSparse, Rows, roomFor } from "./columns.ts";
import type { LocRib } from "./loc-rib.ts";
import type { PrefixId } from "./prefix-table.ts";
import { OWN, type SourceId } from "./sources.ts";

/** A route that was told, by number. */
export type OutId = number;

/**
 * What the peers of a group were told.
 *
 *     first(prefix) ─► row ─next─► NONE         several rows where several paths are told (RFC 7911)
 *     row ─► localId   the number that we gave the path; 0 without RFC 7911
 *            set       the attributes
 *            source    where it came from: that peer itself was not told
 *
 * A row holds its prefix, its set and its source.
 */
export class AdjRibOut {
  readonly #locRib: LocRib;
  readonly #rows = new Rows();
  #first = new Int32Array(FIRST_ROWS);
  /** None without RFC 7911, and no numbers. */
  #next = new Int32Array(0);
  localId = new Int32Array(0);
  set = new Int32Array(FIRST_ROWS);
  source = new Uint16Array(FIRST_ROWS);
  /** Rows of each source. */
  readonly #bySource: number[] = [];

  constructor(locRib: LocRib) {
    this.#locRib = locRib;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** How many of the routes came from a source. */
  countOf(source: SourceId): number {
    return this.#bySource[source] ?? 0;
  }

  first(prefix: PrefixId): OutId {
    return this.#first[prefix] ?? NONE;
  }

  next(row: OutId): OutId {
    return this.#next[row] ?? NONE;
  }

  find(prefix: PrefixId, localId: number): OutId {
    let row = this.first(prefix);
    while (row !== NONE && (this.localId[row] ?? 0) !== localId) row = this.next(row);
    return row;
  }

  /** Every prefix that something was told of. */
  *prefixes(): IterableIterator<PrefixId> {
    for (let prefix = 1; prefix < this.#first.length; prefix++) if (this.#first[prefix] !== NONE) yield prefix;
  }

  add(prefix: PrefixId, localId: number, set: AttributeId, source: SourceId): void {
    const row = this.#rows.take();
    if (row >= this.set.length) this.#makeRoom(row);
    if (prefix >= this.#first.length) this.#first = grown32(this.#first, roomFor(prefix, this.#first.length));
    this.localId = putSparse(this.localId, row, localId);
    this.#next = putSparse(this.#next, row, this.first(prefix));
    this.#first[prefix] = row;
    this.#locRib.prefixes.holdAgain(prefix);
    this.#fill(row, set, source);
  }

  /** Both are held anew, and those before let go of. */
  change(row: OutId, set: AttributeId, source: SourceId): void {
    const before = { set: this.set[row] ?? NONE, source: this.source[row] ?? OWN };
    this.#fill(row, set, source);
    this.#empty(before.set, before.source);
  }

  remove(prefix: PrefixId, row: OutId): void {
    const after = this.next(row);
    if (this.first(prefix) === row) this.#first[prefix] = after;
    else {
      let before = this.first(prefix);
      while (this.next(before) !== row) before = this.next(before);
      this.#next = putSparse(this.#next, before, after);
    }
    this.#rows.give(row);
    this.#empty(this.set[row] ?? NONE, this.source[row] ?? OWN);
    this.#locRib.prefixes.letGo(prefix);
  }

  /** The same routes, to be changed apart from these. */
  clone(): AdjRibOut {
    const copy = new AdjRibOut(this.#locRib);
    for (const prefix of this.prefixes()) {
      for (let row = this.first(prefix); row !== NONE; row = this.next(row))
        copy.add(prefix, this.localId[row] ?? 0, this.set[row] ?? NONE, this.source[row] ?? OWN);
    }
    return copy;
  }

  removeAll(prefix: PrefixId): void {
    for (let row = this.first(prefix); row !== NONE; row = this.first(prefix)) this.remove(prefix, row);
  }

  clear(): void {
    for (const prefix of this.prefixes()) this.removeAll(prefix);
  }

  #fill(row: OutId, set: AttributeId, source: SourceId): void {
    this.set[row] = this.#locRib.store.hold(set);
    this.source[row] = source;
    this.#locRib.sources.hold(source);
    this.#bySource[source] = (this.#bySource[source] ?? 0) + 1;
  }

  #empty(set: AttributeId, source: SourceId): void {
    this.#locRib.store.release(set);
    this.#locRib.sources.release(source);
    this.#bySource[source] = (this.#bySource[source] ?? 0) - 1;
  }

  #makeRoom(row: OutId): void {
    const rows = roomFor(row, this.set.length);
    this.set = grown32(this.set, rows);
    this.source = grownU16(this.source, rows);
  }
}
