import type { Watch, WatchBatch, WatchEvent } from "../datastore.ts";
import type { DatastoreError } from "../errors.ts";

/** Events after which a batch is full. A batch ends with a whole revision, so it may be larger. */
const FULL = 500;

interface Waiter {
  readonly resolve: (result: IteratorResult<WatchBatch>) => void;
  readonly reject: (error: DatastoreError) => void;
}

const DONE: IteratorResult<WatchBatch> = { done: true, value: undefined };

/** The consumer's end of a watch, and a backend's way to fill it. What waits is handed over as one batch. */
export class WatchQueue implements Watch {
  readonly #onClose: () => void;
  #batches: WatchBatch[] = [];
  #waiters: Waiter[] = [];
  #ended = false;
  #failure: DatastoreError | undefined;

  /** `onClose` is called once, when the consumer ends the watch. */
  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  push(batch: WatchBatch): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#batches.push(batch);
    else waiter.resolve({ done: false, value: batch });
  }

  /** Ends the iteration by throwing `failure` after the batches that wait. */
  fail(failure: DatastoreError): void {
    if (this.#ended) return;
    this.#ended = true;
    const [first, ...others] = this.#waiters;
    this.#waiters = [];
    if (first === undefined) this.#failure = failure;
    else first.reject(failure);
    for (const waiter of others) waiter.resolve(DONE);
  }

  /** Ends the iteration at once: batches that wait are dropped. */
  end(): void {
    this.#ended = true;
    this.#batches = [];
    this.#failure = undefined;
    for (const waiter of this.#waiters) waiter.resolve(DONE);
    this.#waiters = [];
  }

  close(): void {
    const first = !this.#ended;
    this.end();
    if (first) this.#onClose();
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchBatch, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<IteratorResult<WatchBatch, undefined>> {
    const batch = this.#take();
    if (batch !== undefined) return Promise.resolve({ done: false, value: batch });
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) return Promise.reject(failure);
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<WatchBatch, undefined>>();
    this.#waiters.push({ resolve, reject });
    return promise;
  }

  #take(): WatchBatch | undefined {
    const first = this.#batches[0];
    if (first === undefined || this.#batches.length === 1) {
      this.#batches = [];
      return first;
    }
    const events: WatchEvent[] = [];
    let taken = 0;
    let revision = first.revision;
    for (const batch of this.#batches) {
      if (events.length >= FULL) break;
      for (const event of batch.events) events.push(event);
      revision = batch.revision;
      taken += 1;
    }
    this.#batches.splice(0, taken);
    return { events, revision };
  }
}
