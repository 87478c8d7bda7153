import type { KeyRange } from "../storage/key-range.ts";

/** From `start` up to, not including, `end`; without an end to the last key there can be. */
interface Interval {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

const NEXT = new Uint8Array([0]);

/** The keys of many ranges together: `a` to `b` and `b` to `c` hold all of `a` to `c`. */
export class Intervals {
  /** In order, with keys between each and the next. */
  readonly #merged: readonly Interval[];

  constructor(ranges: readonly KeyRange[]) {
    const sorted = ranges.map(intervalOf).toSorted((a, b) => Buffer.compare(a.start, b.start));
    const merged: Interval[] = [];
    for (const next of sorted) {
      const last = merged.at(-1);
      if (last === undefined || !reaches(last, next.start)) merged.push(next);
      else if (endsBefore(last, next)) merged[merged.length - 1] = { start: last.start, end: next.end };
    }
    this.#merged = merged;
  }

  contain(range: KeyRange): boolean {
    const asked = intervalOf(range);
    return this.#merged.some((held) => Buffer.compare(held.start, asked.start) <= 0 && !endsBefore(held, asked));
  }
}

function intervalOf(range: KeyRange): Interval {
  switch (range.kind) {
    case "one":
      return { start: range.key, end: Buffer.concat([range.key, NEXT]) };
    case "span":
      return { start: range.start, end: range.end };
    case "from":
      return { start: range.start, end: undefined };
  }
}

function reaches({ end }: Interval, key: Uint8Array): boolean {
  return end === undefined || Buffer.compare(end, key) >= 0;
}

function endsBefore(one: Interval, other: Interval): boolean {
  if (one.end === undefined) return false;
  return other.end === undefined || Buffer.compare(one.end, other.end) < 0;
}
