import type { DatabaseSync, StatementSync } from "node:sqlite";
import { bytes, columnsOf, integer } from "./columns.ts";
import { type Change, isDeletion } from "./entry.ts";
import { byteString, type KeyRange, rangeIsEmpty } from "./key-range.ts";

/** Keys of a stretch at first; it is halved when it has grown to twice as many. */
const STRETCH = 512;

/** Counts keys that exist, by looking at each. */
export type CountEach = (range: KeyRange) => number;

/**
 * How many keys exist, by stretches of the order of keys. An answer with a limit tells how many keys its range has in all:
 * counting each would cost a page of a list as much as the rest of the list has keys. Here it is two stretches to be counted
 * and the others' numbers.
 *
 *     ""            "/calico/ipam/…"   "/calico/resources/…/n"            starts
 *     ├───── 700 ───┼────── 512 ───────┼────────── 900 ───────── …        keys that exist
 *            └──────── a range ────────────────┘
 */
export class LiveCounts {
  readonly #countEach: CountEach;
  readonly #keyAfter: StatementSync;
  readonly #stretch: number;
  /** Ascending, the first is empty. */
  readonly #starts: string[] = [""];
  readonly #counts: number[] = [];

  constructor(db: DatabaseSync, countEach: CountEach, stretch = STRETCH) {
    this.#countEach = countEach;
    this.#stretch = stretch;
    this.#keyAfter = db.prepare("SELECT key FROM latest WHERE key >= ? AND version > 0 ORDER BY key LIMIT 1 OFFSET ?");
    const numbered = "SELECT key, row_number() OVER (ORDER BY key) AS place FROM latest WHERE version > 0";
    const all = integer(columnsOf(db.prepare("SELECT count(*) FROM latest WHERE version > 0").get())[0]);
    for (const row of db
      .prepare(`SELECT key FROM (${numbered}) WHERE place % ${stretch} = 1 AND place > 1`)
      .iterate()) {
      this.#starts.push(byteString(bytes(columnsOf(row)[0])));
    }
    this.#counts = this.#starts.map((_, index) => Math.min(stretch, all - index * stretch));
  }

  /** Takes what has been committed. */
  take(changes: readonly Change[]): void {
    const grown = new Set<number>();
    for (const { entry } of changes) {
      const more = isDeletion(entry) ? -1 : entry.version === 1 ? 1 : 0;
      if (more === 0) continue;
      const at = this.#stretchOf(byteString(entry.key));
      const count = (this.#counts[at] ?? 0) + more;
      this.#counts[at] = count;
      if (count > 2 * this.#stretch) grown.add(at);
    }
    // From the end: what is before it keeps its place.
    for (const at of [...grown].sort((a, b) => b - a)) this.#halve(at);
  }

  count(range: KeyRange): number {
    if (range.kind === "one" || rangeIsEmpty(range)) return this.#countEach(range);
    const first = this.#stretchOf(byteString(range.start));
    const last = range.kind === "span" ? this.#stretchOf(byteString(range.end)) : this.#starts.length - 1;
    if (first === last) return range.kind === "span" ? this.#countEach(range) : this.#tail(range.start, first);
    let count = this.#tail(range.start, first);
    for (let at = first + 1; at < last; at++) count += this.#counts[at] ?? 0;
    if (range.kind === "from") return count + (this.#counts[last] ?? 0);
    return count + this.#countEach({ kind: "span", start: this.#startOf(last), end: range.end });
  }

  /** From a key on to the end of its stretch. */
  #tail(start: Uint8Array, at: number): number {
    if (at + 1 === this.#starts.length) return this.#countEach({ kind: "from", start });
    return this.#countEach({ kind: "span", start, end: this.#startOf(at + 1) });
  }

  #halve(from: number): void {
    let rest = this.#counts[from] ?? 0;
    for (let at = from; rest > 2 * this.#stretch; at++) {
      rest -= this.#stretch;
      const next = columnsOf(this.#keyAfter.get(this.#startOf(at), this.#stretch))[0];
      this.#starts.splice(at + 1, 0, byteString(bytes(next)));
      this.#counts.splice(at, 1, this.#stretch, rest);
    }
  }

  #startOf(at: number): Uint8Array {
    return Buffer.from(this.#starts[at] ?? "", "latin1");
  }

  /** The last stretch that begins at or before a key. */
  #stretchOf(key: string): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? "") <= key) low = middle;
      else high = middle;
    }
    return low;
  }
}
