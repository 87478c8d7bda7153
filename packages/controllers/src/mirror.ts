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
  readonly store: Datastore;
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
 * Keeps a sink at one revision of the store, over several prefixes: what two rows say of each other was true at the same
 * time. Lists of one revision, then one watch.
 */
export class Mirror {
  readonly #options: MirrorOptions;
  readonly #alarm: Alarm;
  #watch: Watch | undefined;
  #isInSync = false;
  #problem: string | undefined = "not in sync with the datastore yet";

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, "list again");
  }

  /** Begins; ends with the scope. */
  start(): void {
    const running = this.#run();
    this.#options.scope.add("mirror", () => {
      this.#alarm.ring();
      this.#watch?.close();
      return running;
    });
  }

  /** Why the sink is not what the store is; undefined: it is, as far as this process has been told. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** True from the first complete list on. */
  get isInSync(): boolean {
    return this.#isInSync;
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
    const { store, prefixes, sink } = this.#options;
    const items: KeyValue[] = [];
    let revision: bigint | undefined;
    for (const prefix of prefixes) {
      const list = await store.list(prefix, revision === undefined ? {} : { revision });
      revision ??= list.revision;
      for (const item of list.items) items.push(item);
    }
    sink.replace(items);
    this.#isInSync = true;
    this.#problem = undefined;
    return (revision ?? 0n) + 1n;
  }

  async #follow(from: bigint): Promise<void> {
    const { store, root, prefixes, sink, scope } = this.#options;
    const watch = store.watch(root, { from });
    this.#watch = watch;
    for await (const batch of watch) {
      if (scope.closed) return;
      const events = batch.events.filter((event) => prefixes.some((prefix) => keyOf(event).startsWith(prefix)));
      if (events.length > 0) sink.apply(events);
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
