import { type Datastore, DatastoreError, type KeyValue, type Watch, type WatchEvent } from "@ocicat/datastore";
import { compareKeys } from "@ocicat/datastore/shared";
import { type Clock, createBackoff, type Logger, type Random, type Scope, toError } from "@ocicat/kit";
import { History, type HistoryLimits, revisionOf } from "./history.ts";

export type Upstream = Pick<Datastore, "list" | "watch">;

export interface StreamOptions {
  readonly upstream: Upstream;
  readonly limits: HistoryLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Told of each list that was asked for upstream. */
  readonly onList: () => void;
}

/** Everything below a prefix at one revision, in the order of keys. */
export interface Snapshot {
  readonly revision: bigint;
  readonly items: readonly KeyValue[];
}

/** Pages of a page of older snapshots, for those who read slowly: a few, for as long as that may take. */
const KEPT_SNAPSHOTS = 8;

/**
 * One order of changes as the datastore tells it: what there is, and what has happened last. One list and one watch upstream,
 * however many read. Where history is lost upstream, it is listed again, and what differs is told as if it had been seen.
 */
export class Stream {
  readonly prefix: string;
  readonly #options: StreamOptions;
  readonly #items = new Map<string, KeyValue>();
  readonly #listeners = new Set<() => void>();
  readonly #filled: Promise<void>;
  #history: History;
  #revision = 0n;
  #snapshots: Snapshot[] = [];
  #watch: Watch | undefined;
  #problem: string | undefined = "not listed yet";

  constructor(prefix: string, options: StreamOptions) {
    this.prefix = prefix;
    this.#options = options;
    this.#history = new History(0n, options.limits);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#filled = promise;
    const running = this.#run(resolve);
    options.scope.add(`stream ${prefix}`, () => {
      this.#watch?.close();
      resolve();
      return running;
    });
  }

  /** Resolves when it has been listed once. */
  get filled(): Promise<void> {
    return this.#filled;
  }

  /** Why it is not what the datastore has; undefined: it is, as far as is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get history(): History {
    return this.#history;
  }

  get revision(): bigint {
    return this.#revision;
  }

  get size(): number {
    return this.#items.size;
  }

  /** Calls back after each change. Returns what ends it. */
  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  /** What there is now, or was at a revision that was told lately. Undefined: that is not known any more. */
  snapshot(revision?: bigint): Snapshot | undefined {
    const wanted = revision ?? this.#revision;
    const kept = this.#snapshots.find((snapshot) => snapshot.revision === wanted);
    if (kept !== undefined || wanted !== this.#revision) return kept;
    const items = [...this.#items.values()].sort((a, b) => compareKeys(a.key, b.key));
    const snapshot = { revision: this.#revision, items };
    this.#snapshots = [snapshot, ...this.#snapshots].slice(0, KEPT_SNAPSHOTS);
    return snapshot;
  }

  async #run(filled: () => void): Promise<void> {
    const { random, scope, clock, logger } = this.#options;
    const backoff = createBackoff(random, { initialMs: 100, maxMs: 5_000 });
    while (!scope.closed) {
      try {
        await this.#list();
        filled();
        backoff.reset();
        await this.#follow();
      } catch (error) {
        if (scope.closed) return;
        const isLost = error instanceof DatastoreError && error.code === "COMPACTED";
        if (!isLost) {
          this.#problem = toError(error).message;
          logger.warning("the datastore does not answer, trying again", {
            prefix: this.prefix,
            problem: this.#problem,
          });
        }
        await new Promise<void>((resolve) => {
          const timer = clock.after(backoff.next(), "list again", () => {
            forget();
            resolve();
          });
          const forget = scope.add("list again", () => {
            timer.cancel();
            resolve();
          });
        });
      }
    }
  }

  async #list(): Promise<void> {
    this.#options.onList();
    const { items, revision } = await this.#options.upstream.list(this.prefix);
    const isFirst = this.#revision === 0n;
    if (isFirst) this.#history = new History(revision, this.#options.limits);
    const events = this.#differences(items, revision);
    if (isFirst) {
      for (const item of items) this.#items.set(item.key, item);
      this.#revision = revision;
    } else {
      this.#apply(events);
    }
    if (revision > this.#revision) this.#revision = revision;
    this.#problem = undefined;
  }

  /** What a list says that was not known: in the order of revisions, deletions last, at the list's own. */
  #differences(items: readonly KeyValue[], revision: bigint): readonly WatchEvent[] {
    const gone = new Set(this.#items.keys());
    const puts: WatchEvent[] = [];
    for (const item of items) {
      gone.delete(item.key);
      if (this.#items.get(item.key)?.modRevision === item.modRevision) continue;
      puts.push({ type: "put", item, previous: undefined });
    }
    puts.sort((a, b) => (revisionOf(a) < revisionOf(b) ? -1 : 1));
    const deletions = [...gone].map((key): WatchEvent => ({ type: "delete", key, revision, previous: undefined }));
    return [...puts, ...deletions];
  }

  async #follow(): Promise<void> {
    const { upstream, scope } = this.#options;
    const watch = upstream.watch(this.prefix, { from: this.#revision + 1n });
    this.#watch = watch;
    for await (const { events } of watch) {
      if (scope.closed) return;
      this.#problem = undefined;
      this.#apply(events);
    }
  }

  #apply(events: readonly WatchEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      if (event.type === "put") this.#items.set(event.item.key, event.item);
      else this.#items.delete(event.key);
      const revision = revisionOf(event);
      if (revision > this.#revision) this.#revision = revision;
    }
    this.#history.push(events);
    for (const changed of this.#listeners) changed();
  }
}
