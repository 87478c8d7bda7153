import type { Datastore, KeyValue, Watch } from "@ocicat/datastore";
import { type Clock, createBackoff, isOcicatError, type Logger, type Random, type Scope, toError } from "@ocicat/kit";

/** Where a reflector puts what it sees. */
export interface ReflectorSink {
  /** The whole prefix, after the first list and after every relist. Whatever is not in it is gone. */
  replace(items: readonly KeyValue[]): void;
  put(item: KeyValue): void;
  remove(key: string, revision: bigint): void;
}

/**
 * Keeps a sink equal to everything below one prefix: list, then watch from the revision after it. The driver resumes a
 * cut watch by itself; if the history is gone (compaction) the prefix is listed again and the sink sees only what differs.
 */
export class Reflector {
  readonly #store: Datastore;
  readonly #prefix: string;
  readonly #sink: ReflectorSink;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  #watch: Watch | undefined;
  #closed = false;
  #synced: () => void = () => {};
  /** Resolves after the first complete list. */
  readonly inSync: Promise<void>;

  constructor(options: {
    store: Datastore;
    prefix: string;
    sink: ReflectorSink;
    clock: Clock;
    random: Random;
    logger: Logger;
    scope: Scope;
  }) {
    this.#store = options.store;
    this.#prefix = options.prefix;
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.logger;
    this.inSync = new Promise((resolve) => {
      this.#synced = resolve;
    });
    const running = this.#run();
    options.scope.add(`reflector ${this.#prefix}`, () => {
      this.#closed = true;
      this.#watch?.close();
      return running;
    });
  }

  async #run(): Promise<void> {
    const backoff = createBackoff(this.#random, { initialMs: 100, maxMs: 5_000 });
    while (!this.#closed) {
      try {
        const list = await this.#store.list(this.#prefix);
        if (this.#closed) return;
        this.#sink.replace(list.items);
        this.#synced();
        backoff.reset();
        await this.#follow(list.revision + 1n);
      } catch (error) {
        if (this.#closed) return;
        this.#report(error);
        await new Promise<void>((resolve) => this.#clock.after(backoff.next(), "relist", resolve));
      }
    }
  }

  async #follow(from: bigint): Promise<void> {
    const watch = this.#store.watch(this.#prefix, { from });
    this.#watch = watch;
    for await (const batch of watch) {
      if (this.#closed) return;
      for (const event of batch.events) {
        if (event.type === "put") this.#sink.put(event.item);
        else this.#sink.remove(event.key, event.revision);
      }
    }
  }

  #report(error: unknown): void {
    const code = isOcicatError(error) ? error.code : "INTERNAL";
    if (code === "COMPACTED") this.#log.info("history compacted, listing again", { prefix: this.#prefix });
    else
      this.#log.warning("datastore does not answer, trying again", {
        prefix: this.#prefix,
        code,
        error: toError(error).message,
      });
  }
}
