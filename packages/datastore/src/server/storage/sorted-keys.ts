/** Keys of a run at first; it is halved when it has grown to twice as many. */
const RUN = 512;

/** From `start` up to, not including, `end`; without an end, all from `start` on. */
export interface Span {
  readonly start: string;
  readonly end: string | undefined;
}

/**
 * Strings in their order, in short runs: to add or remove one moves a run's worth, and how many lie in a span is the sum of
 * the runs between two places.
 *
 *     [ "" … ] [ "/calico/ipam/…" … ] [ "/calico/resources/…/n" … ]
 *        └──────── a span ─────────────────┘
 */
export class SortedKeys {
  /** None is empty, but the only one. */
  readonly #runs: string[][] = [];

  /** `sorted`: ascending, each once. */
  constructor(sorted: readonly string[] = []) {
    for (let at = 0; at < sorted.length; at += RUN) this.#runs.push(sorted.slice(at, at + RUN));
    if (this.#runs.length === 0) this.#runs.push([]);
  }

  add(key: string): void {
    const at = this.#runOf(key);
    const run = this.#run(at);
    const place = placeIn(run, key);
    if (run[place] === key) return;
    run.splice(place, 0, key);
    if (run.length > 2 * RUN) this.#runs.splice(at + 1, 0, run.splice(RUN));
  }

  delete(key: string): void {
    const at = this.#runOf(key);
    const run = this.#run(at);
    const place = placeIn(run, key);
    if (run[place] !== key) return;
    run.splice(place, 1);
    if (run.length === 0 && this.#runs.length > 1) this.#runs.splice(at, 1);
  }

  count({ start, end }: Span): number {
    const first = this.#below(start);
    return end === undefined ? this.#size() - first : Math.max(0, this.#below(end) - first);
  }

  /** At most `limit`, in order. */
  take(span: Span, limit = Number.POSITIVE_INFINITY): string[] {
    const taken: string[] = [];
    for (const piece of this.#pieces(span)) {
      taken.push(...(piece.length > limit - taken.length ? piece.slice(0, limit - taken.length) : piece));
      if (taken.length >= limit) break;
    }
    return taken;
  }

  /** In order. Nothing may be added or removed meanwhile. */
  *each(span: Span): Generator<string, void, undefined> {
    for (const piece of this.#pieces(span)) yield* piece;
  }

  *#pieces({ start, end }: Span): Generator<string[], void, undefined> {
    for (let at = this.#runOf(start); at < this.#runs.length; at++) {
      const run = this.#run(at);
      const from = placeIn(run, start);
      const to = end === undefined ? run.length : placeIn(run, end);
      if (from < to) yield run.slice(from, to);
      if (to < run.length) return;
    }
  }

  /** How many lie before a key. */
  #below(key: string): number {
    const at = this.#runOf(key);
    let below = placeIn(this.#run(at), key);
    for (let before = 0; before < at; before++) below += this.#run(before).length;
    return below;
  }

  #size(): number {
    return this.#runs.reduce((size, run) => size + run.length, 0);
  }

  #run(at: number): string[] {
    const run = this.#runs[at];
    if (run === undefined) throw new Error(`there is no run ${at}`);
    return run;
  }

  /** The last run that begins at or before a key; the first if none does. */
  #runOf(key: string): number {
    let low = 0;
    let high = this.#runs.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#run(middle)[0] ?? "") <= key) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Where a key is, or would be. */
function placeIn(run: readonly string[], key: string): number {
  let low = 0;
  let high = run.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((run[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
