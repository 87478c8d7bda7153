import { invalid, type NftError } from "../errors.ts";
import type { DataType } from "../ir/data-type.ts";
import type { SetElement, SetShape } from "../ir/set.ts";
import { intervalBounds } from "../netlink/value.ts";
import { renderKey } from "../text/value.ts";

/** An element of an interval set, with its borders as text that sorts as the bytes do. */
interface Interval {
  readonly key: string;
  readonly start: string;
  /** Of what is behind it; undefined: it reaches to the end. */
  readonly end: string | undefined;
}

/**
 * The intervals of one set in their order, overlapping ones too for as long as nobody asks: what goes may be told after what takes its
 * place. The kernel refuses overlaps, with the whole transaction.
 */
export class Intervals {
  readonly #where: string;
  readonly #shape: SetShape;
  readonly #type: DataType;
  readonly #sorted: Interval[] = [];
  readonly #byKey = new Map<string, Interval>();
  /** Those put since `verify` last found all well. */
  readonly #new = new Set<Interval>();

  constructor(where: string, shape: SetShape) {
    this.#where = where;
    this.#shape = shape;
    this.#type = shape.key[0] ?? "ipv4_addr";
  }

  put(element: SetElement): void {
    const [value] = element.key;
    if (value === undefined) return;
    const key = renderKey(this.#shape.key, element.key);
    if (this.#byKey.has(key)) return;
    const { start, end } = intervalBounds(this.#type, value);
    const interval: Interval = { key, start: hex(start), end: end && hex(end) };
    this.#byKey.set(key, interval);
    this.#new.add(interval);
    this.#sorted.splice(this.#placeOf(interval), 0, interval);
  }

  delete(key: string): void {
    const interval = this.#byKey.get(key);
    if (interval === undefined) return;
    this.#byKey.delete(key);
    this.#new.delete(interval);
    this.#sorted.splice(this.#sorted.indexOf(interval, this.#firstFrom(interval.start)), 1);
  }

  /** Throws NftError for two that overlap: if any do, then two neighbours do, of which one is new. */
  verify(): void {
    for (const interval of this.#new) {
      const at = this.#sorted.indexOf(interval, this.#firstFrom(interval.start));
      const [before, after] = [this.#sorted[at - 1], this.#sorted[at + 1]];
      if (before !== undefined && reachesInto(before, interval)) throw this.#overlap(before, interval);
      if (after !== undefined && reachesInto(interval, after)) throw this.#overlap(interval, after);
    }
    this.#new.clear();
  }

  #overlap(first: Interval, second: Interval): NftError {
    return invalid(this.#where, `${first.key} and ${second.key} overlap`, "leave out what is covered by another");
  }

  /** Of two that begin together the longer one is first, as its prefix would sort. */
  #placeOf({ start, end }: Interval): number {
    let place = this.#firstFrom(start);
    for (let there = this.#sorted[place]; there?.start === start; there = this.#sorted[++place]) {
      if (end === undefined || (there.end !== undefined && there.end < end)) break;
    }
    return place;
  }

  #firstFrom(start: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle]?.start ?? "") < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function reachesInto(first: Interval, second: Interval): boolean {
  return first.end === undefined || first.end > second.start;
}

/** Of equal length within a set, hence comparable as text. */
function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
