import { expect } from "vitest";
import type { Datastore, KeyValue, Revision, Watch, WatchBatch, WatchEvent } from "../datastore.ts";
import { DatastoreError, type DatastoreErrorCode } from "../errors.ts";

/** A backend under test. The store need not be empty or private: each test stays below a prefix of its own. */
export interface ComplianceFixture {
  readonly store: Datastore;
  /** Forgets history before a revision. Without it the tests of lost history are reported as skipped. */
  readonly compact?: (revision: Revision) => Promise<void>;
  /** Moves the store's clock on, where it is a test's. Without it, real time is waited for. */
  readonly advance?: (ms: number) => void;
  /** Called after each test; the store may be closed already. */
  readonly close: () => Promise<void>;
}

/** What a test gets: a fresh store and a prefix nobody else writes to. */
export interface Subject extends ComplianceFixture {
  readonly prefix: string;
}

export type GetSubject = () => Subject;

/** Asserts that a call fails with a code, and hands the error over. */
export async function failure(
  call: Promise<unknown> | (() => unknown),
  code: DatastoreErrorCode,
): Promise<DatastoreError> {
  try {
    await (typeof call === "function" ? call() : call);
  } catch (error) {
    if (!(error instanceof DatastoreError)) throw error;
    expect(error.code).toBe(code);
    return error;
  }
  throw new Error(`expected DatastoreError ${code}, but the call succeeded`);
}

/** Waits until `fact` holds, moving the store's clock along where it can be moved. */
export async function eventually(
  { advance }: ComplianceFixture,
  what: string,
  fact: () => Promise<boolean>,
): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await fact()) return;
    if (advance !== undefined) advance(100);
    else await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`still not so after 10 s: ${what}`);
}

/** Reads a watch and holds every batch to the contract: in order, whole revisions, nothing empty, nothing twice. */
export class WatchReader {
  readonly #watch: Watch;
  readonly #iterator: AsyncIterator<WatchBatch>;
  #revision: Revision;
  #events: WatchEvent[] = [];

  /** `from`: where the watch was told to start. */
  constructor(watch: Watch, from: Revision) {
    this.#watch = watch;
    this.#iterator = watch[Symbol.asyncIterator]();
    this.#revision = from - 1n;
  }

  /** The last revision seen: resume from the one after. */
  get revision(): Revision {
    return this.#revision;
  }

  /** The next `count` events; more may wait already, and come with the next take. */
  async take(count: number): Promise<WatchEvent[]> {
    while (this.#events.length < count) {
      const next = await this.#iterator.next();
      if (next.done === true) throw new Error(`the watch ended with ${this.#events.length} of ${count} events`);
      this.#accept(next.value);
    }
    return this.#events.splice(0, count);
  }

  /** The next batch as it came. */
  async batch(): Promise<WatchBatch> {
    const next = await this.#iterator.next();
    if (next.done === true) throw new Error("the watch ended");
    this.#accept(next.value);
    this.#events = [];
    return next.value;
  }

  /** True if the iteration ends here; throws what it throws. */
  async ended(): Promise<boolean> {
    return (await this.#iterator.next()).done === true;
  }

  close(): void {
    this.#watch.close();
  }

  #accept(batch: WatchBatch): void {
    expect(batch.events.length).toBeGreaterThan(0);
    let last = this.#revision + 1n;
    for (const event of batch.events) {
      const revision = revisionOf(event);
      expect(revision).toBeGreaterThanOrEqual(last);
      expect(revision).toBeLessThanOrEqual(batch.revision);
      last = revision;
    }
    this.#revision = batch.revision;
    this.#events.push(...batch.events);
  }
}

export function startWatch(
  { store, prefix }: Subject,
  from: Revision,
  options: { readonly previous?: boolean; readonly below?: string } = {},
): WatchReader {
  const { below = "", ...rest } = options;
  return new WatchReader(store.watch(prefix + below, { from, ...rest }), from);
}

export function revisionOf(event: WatchEvent): Revision {
  return event.type === "put" ? event.item.modRevision : event.revision;
}

/** An event in one line: `+key=value` or `-key`, the prefix left out. */
export function line({ prefix }: Subject, event: WatchEvent): string {
  return event.type === "put"
    ? `+${event.item.key.slice(prefix.length)}=${event.item.value}`
    : `-${event.key.slice(prefix.length)}`;
}

/** What a store that counts writes tells of a key; one that does not tells 0n. */
export function counted({ store }: Subject, count: bigint): bigint {
  return store.abilities.versions ? count : 0n;
}

export function present(item: KeyValue | undefined): KeyValue {
  if (item === undefined) throw new Error("the key is not there");
  return item;
}

/** The store's revision now. */
export async function revisionNow({ store, prefix }: Subject): Promise<Revision> {
  return (await store.list(prefix, { limit: 1 })).revision;
}
