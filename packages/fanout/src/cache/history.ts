import type { WatchEvent } from "@ocicat/datastore";

export interface HistoryLimits {
  readonly events: number;
  /** Of values, in UTF-16 units: about bytes. */
  readonly size: number;
}

/**
 * The last events of one order, oldest first. What is told is a place in it, so that nothing is kept for a reader, however
 * slow:
 *
 *        floor                                       end
 *          │  ┌───┬───┬───┬───┬───┬───┬───┬───┬───┐   │
 *     gone │  │ 7 │ 9 │12 │12 │15 │18 │21 │22 │23 │   │ next
 *             └───┴───┴───┴─▲─┴───┴───┴───┴───┴─▲─┘
 *                       a reader            another
 *
 * `floor` is the revision from which on nothing is missing here.
 */
export class History {
  readonly #limits: HistoryLimits;
  #events: WatchEvent[] = [];
  /** The place of the first event that is kept. */
  #begin = 0;
  #size = 0;
  #floor: bigint;

  constructor(floor: bigint, limits: HistoryLimits) {
    this.#floor = floor;
    this.#limits = limits;
  }

  /** Everything after this revision is here. */
  get floor(): bigint {
    return this.#floor;
  }

  /** The place after the last event. */
  get end(): number {
    return this.#begin + this.#events.length;
  }

  /** The place of the first event that is kept. */
  get begin(): number {
    return this.#begin;
  }

  push(events: readonly WatchEvent[]): void {
    for (const event of events) {
      this.#events.push(event);
      this.#size += sizeOf(event);
    }
    this.#trim();
  }

  /** The place of the first event at this revision or a later one; undefined: what came there may be gone. */
  placeOf(revision: bigint): number | undefined {
    if (revision < this.#floor) return undefined;
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event !== undefined && revisionOf(event) < revision) low = middle + 1;
      else high = middle;
    }
    return this.#begin + low;
  }

  /** Events from a place on, which is kept. */
  from(place: number): readonly WatchEvent[] {
    return place === this.end ? [] : this.#events.slice(place - this.#begin);
  }

  /** What is beyond the limits goes, with an eighth more: to move the rest for each event would cost more than it frees. */
  #trim(): void {
    const { events, size } = this.#limits;
    if (this.#events.length <= events && this.#size <= size) return;
    let gone = 0;
    for (const event of this.#events) {
      if (this.#events.length - gone <= (events * 7) / 8 && this.#size <= (size * 7) / 8) break;
      this.#size -= sizeOf(event);
      this.#floor = revisionOf(event);
      gone += 1;
    }
    this.#events.splice(0, gone);
    this.#begin += gone;
  }
}

export function revisionOf(event: WatchEvent): bigint {
  return event.type === "put" ? event.item.modRevision : event.revision;
}

export function keyOf(event: WatchEvent): string {
  return event.type === "put" ? event.item.key : event.key;
}

function sizeOf(event: WatchEvent): number {
  return event.type === "put" ? event.item.key.length + event.item.value.length : event.key.length;
}
