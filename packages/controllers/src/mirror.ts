import type { Datastore, KeyValue, Watch, WatchEvent } from "@ocicat/datastore";
import { type Clock, createBackoff, isOcicatError, type Logger, type Random, type Scope, toError } from "@ocicat/kit";

import { Alarm } from "./alarm.ts";

/** Where a mirror puts what it sees. */
export interface MirrorSink {
  /** Everything below the prefixes, at one revision: at the start, and when history is gone. Whatever is not in it is gone. */
  replace(items: Iterable<KeyValue>): void;
  /** What one revision did, or several consecutive ones, in order. */
  apply(events: readonly WatchEvent[]): void;
}

export interface MirrorOptions {
  readonly store: Pick<Datastore, "list" | "watch" | "abilities">;
  /** What is listed. */
  readonly prefixes: readonly string[];
  /** One prefix of them all, which is watched: one watch tells all of a revision at once, several would not. */
  readonly root: string;
  readonly sink: MirrorSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
}

/**
 * Keeps a sink at what a store holds below several prefixes.
 *
 * A store with transactions has one order of all that is written: lists of one revision, then one watch, and what two rows
 * say of each other was true at the same time. One without has an order for each prefix only: a list and a watch each, and
 * what rows of two prefixes say of each other may be of different times.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #streams: readonly Stream[];
  #isInSync = false;

  constructor(options: MirrorOptions) {
    const { store, prefixes, root } = options;
    this.#options = options;
    const parts = store.abilities.transactions
      ? [{ prefixes, root }]
      : prefixes.map((prefix) => ({ prefixes: [prefix], root: prefix }));
    this.#streams = parts.map(
      (part) =>
        new Stream(
          options,
          { ...part, isOneOfMany: parts.length > 1 },
          {
            listed: (stream, items) => this.#take(stream, items),
            // What comes before all have listed is in what the stream remembers.
            changed: (events) => (this.#isInSync ? options.sink.apply(events) : undefined),
          },
        ),
    );
  }

  /** Begins; ends with the scope. */
  start(): void {
    for (const stream of this.#streams) stream.start();
    if (this.#streams.length === 0) this.#fill();
  }

  /** Why the sink is not what the store is; undefined: it is, as far as this process has been told. */
  get problem(): string | undefined {
    return this.#streams.map(({ problem }) => problem).find((problem) => problem !== undefined);
  }

  /** True from the first complete list on. */
  get isInSync(): boolean {
    return this.#isInSync;
  }

  /** A stream has listed: the first time of all of them is the beginning, what comes later is a change. */
  #take(stream: Stream, items: readonly KeyValue[]): void {
    const { sink } = this.#options;
    if (this.#streams.length === 1) {
      sink.replace(items);
      this.#isInSync = true;
    } else if (this.#isInSync) {
      const events = stream.remember(items);
      if (events.length > 0) sink.apply(events);
    } else {
      stream.remember(items);
      if (this.#streams.every(({ hasListed }) => hasListed)) this.#fill();
    }
  }

  #fill(): void {
    this.#options.sink.replace(this.#streams.flatMap((stream) => [...stream.known.values()]));
    this.#isInSync = true;
  }
}

interface Part {
  readonly prefixes: readonly string[];
  readonly root: string;
  readonly isOneOfMany: boolean;
}

interface StreamSink {
  readonly listed: (stream: Stream, items: readonly KeyValue[]) => void;
  readonly changed: (events: readonly WatchEvent[]) => void;
}

/** One order of writes: lists of one revision, and a watch from there. */
class Stream {
  /** What is there, where a later list has to be told as what differs. */
  readonly known = new Map<string, KeyValue>();
  readonly #options: MirrorOptions;
  readonly #part: Part;
  readonly #sink: StreamSink;
  readonly #alarm: Alarm;
  #watch: Watch | undefined;
  #problem: string | undefined = "not in sync with the datastore yet";
  #hasListed = false;

  constructor(options: MirrorOptions, part: Part, sink: StreamSink) {
    this.#options = options;
    this.#part = part;
    this.#sink = sink;
    this.#alarm = new Alarm(options.clock, "list again");
  }

  start(): void {
    const running = this.#run();
    this.#options.scope.add(`mirror ${this.#part.root}`, () => {
      this.#alarm.ring();
      this.#watch?.close();
      return running;
    });
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  get hasListed(): boolean {
    return this.#hasListed;
  }

  /** What a list says that was not known, or was otherwise. */
  remember(items: readonly KeyValue[]): readonly WatchEvent[] {
    const gone = new Map(this.known);
    const events: WatchEvent[] = [];
    for (const item of items) {
      gone.delete(item.key);
      if (this.known.get(item.key)?.modRevision === item.modRevision) continue;
      this.known.set(item.key, item);
      events.push({ type: "put", item, previous: undefined });
    }
    for (const [key, { modRevision }] of gone) {
      this.known.delete(key);
      events.push({ type: "delete", key, revision: modRevision, previous: undefined });
    }
    return events;
  }

  async #run(): Promise<void> {
    const { scope, random } = this.#options;
    const backoff = createBackoff(random, { initialMs: 100, maxMs: 5_000 });
    while (!scope.closed) {
      try {
        const from = await this.#list();
        if (scope.closed) return;
        backoff.reset();
        await this.#follow(from);
      } catch (error) {
        if (scope.closed) return;
        this.#report(error);
        await this.#alarm.sleep(backoff.next());
      }
    }
  }

  /** The revision to watch from. */
  async #list(): Promise<bigint> {
    const items: KeyValue[] = [];
    let revision: bigint | undefined;
    for (const prefix of this.#part.prefixes) {
      const list = await this.#options.store.list(prefix, revision === undefined ? {} : { revision });
      revision ??= list.revision;
      for (const item of list.items) items.push(item);
    }
    if (this.#options.scope.closed) return 0n;
    this.#hasListed = true;
    this.#problem = undefined;
    this.#sink.listed(this, items);
    return (revision ?? 0n) + 1n;
  }

  async #follow(from: bigint): Promise<void> {
    const { store, scope } = this.#options;
    const { root, prefixes, isOneOfMany } = this.#part;
    const watch = store.watch(root, { from });
    this.#watch = watch;
    for await (const batch of watch) {
      if (scope.closed) return;
      const events = batch.events.filter((event) => prefixes.some((prefix) => keyOf(event).startsWith(prefix)));
      if (events.length === 0) continue;
      if (isOneOfMany) this.#note(events);
      this.#sink.changed(events);
    }
  }

  #note(events: readonly WatchEvent[]): void {
    for (const event of events) {
      if (event.type === "put") this.known.set(event.item.key, event.item);
      else this.known.delete(event.key);
    }
  }

  #report(error: unknown): void {
    const { logger } = this.#options;
    if (isOcicatError(error) && error.code === "COMPACTED") {
      logger.info("history compacted, listing again");
      return;
    }
    this.#problem = `the datastore does not answer: ${toError(error).message}`;
    logger.warning("datastore does not answer, trying again", { error: toError(error).message });
  }
}

export function keyOf(event: WatchEvent): string {
  return event.type === "put" ? event.item.key : event.key;
}
