import { create } from "@bufbuild/protobuf";
import type { WatchEvent } from "@ocicat/datastore";
import { encodeFrame, WatchResponseSchema } from "@ocicat/datastore/serving";
import type { Clock } from "@ocicat/kit";
import { keyOf, revisionOf } from "../cache/history.ts";
import type { Stream } from "../cache/stream.ts";
import type { Counters } from "./counters.ts";
import type { Identity } from "./identity.ts";
import { isIn, type KeyRange, wireEvent } from "./range.ts";

/** A client's watch of a range of one stream. */
export interface Reader {
  readonly id: bigint;
  readonly range: KeyRange;
  /** The place in the stream's history of what is told next. */
  place: number;
  /** False: the client has not read what was sent before. */
  readonly isReady: () => boolean;
  readonly send: (frame: Buffer) => void;
  /** Its place is gone. */
  readonly lost: (floor: bigint) => void;
}

/** Changes that come within this many milliseconds of the last ones wait for its end, and go as one. */
const GATHER_MS = 20;
/** Events of one message at most. */
const MAX_EVENTS = 500;

/**
 * Hands what happens in a stream to all who read it. Readers at one place, of one range and under one number get one message,
 * made once; and of agents, which all ask for the same in the same order, these are nearly all.
 */
export class Distributor {
  readonly #stream: Pick<Stream, "history" | "subscribe">;
  readonly #identity: Identity;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #readers = new Set<Reader>();
  #isWaiting = false;
  #last = Number.NEGATIVE_INFINITY;

  constructor(stream: Pick<Stream, "history" | "subscribe">, identity: Identity, counters: Counters, clock: Clock) {
    this.#stream = stream;
    this.#identity = identity;
    this.#counters = counters;
    this.#clock = clock;
    stream.subscribe(() => this.#changed());
  }

  add(reader: Reader): void {
    this.#readers.add(reader);
    this.deliver(reader, new Map());
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader);
  }

  /** What a reader has not been told yet, as long as it is ready. `frames`: messages that were made for others. */
  deliver(reader: Reader, frames: Map<string, Buffer | undefined> = new Map()): void {
    const { history } = this.#stream;
    while (reader.isReady() && reader.place < history.end) {
      if (reader.place < history.begin) {
        this.#readers.delete(reader);
        reader.lost(history.floor);
        return;
      }
      const end = Math.min(history.end, reader.place + MAX_EVENTS);
      const frame = this.#frame(reader, end, frames);
      reader.place = end;
      if (frame === undefined) continue;
      this.#counters.framesSent += 1;
      this.#counters.bytesSent += frame.length;
      reader.send(frame);
    }
  }

  #changed(): void {
    if (this.#isWaiting) return;
    const since = this.#clock.monotonic() - this.#last;
    if (since >= GATHER_MS) {
      this.#flush();
      return;
    }
    this.#isWaiting = true;
    this.#clock.after(GATHER_MS - since, "gather changes", () => {
      this.#isWaiting = false;
      this.#flush();
    });
  }

  #flush(): void {
    this.#last = this.#clock.monotonic();
    const frames = new Map<string, Buffer | undefined>();
    for (const reader of this.#readers) this.deliver(reader, frames);
  }

  /** Undefined: nothing of it is in the reader's range. */
  #frame({ id, range, place }: Reader, end: number, frames: Map<string, Buffer | undefined>): Buffer | undefined {
    const name = `${id} ${place} ${end} ${range.key} ${range.end}`;
    if (frames.has(name)) return frames.get(name);
    const events = this.#stream.history.from(place).slice(0, end - place);
    const wanted = events.filter((event) => isIn(range, keyOf(event)));
    const frame = wanted.length === 0 ? undefined : this.#encode(id, wanted);
    frames.set(name, frame);
    return frame;
  }

  #encode(watchId: bigint, events: readonly WatchEvent[]): Buffer {
    this.#counters.framesEncoded += 1;
    const last = events.at(-1);
    const header = this.#identity.headerAt(last === undefined ? 0n : revisionOf(last));
    return encodeFrame(
      WatchResponseSchema,
      create(WatchResponseSchema, { header, watchId, events: events.map(wireEvent) }),
    );
  }
}
