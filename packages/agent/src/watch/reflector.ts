import type { Datastore, KeyValue, Watch } from "@ocicat/datastore";
import { type Clock, createBackoff, isOcicatError, type Logger, type Random, type Scope, toError } from "@ocicat/kit";

/** Where a reflector puts what it sees. */
export interface ReflectorSink {
  /** The whole prefix, after the first list and after every relist. Whatever is not in it is gone. */
  replace(items: readonly KeyValue[]): void;
  put(item: KeyValue): void;
  remove(key: string, revision: bigint): void;
  /** The first list is complete, that came in pages by `put`. */
  filled?(): void;
}

/** Keys of one page of the first list: with ten thousand of them at once the memory of that moment would stay for good. */
const PAGE = 500;

/**
 * Keeps a sink equal to everything below one prefix: list, then watch from the revision after it. The driver resumes a
 * cut watch by itself; if the history is gone (compaction) the prefix is listed again and the sink sees only what differs.
 */
export class Reflector {
  readonly #store: Pick<Datastore, "list" | "watch">;
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
    store: Pick<Datastore, "list" | "watch">;
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
    let isFirst = true;
    while (!this.#closed) {
      try {
        const revision = isFirst ? await this.#fill() : await this.#replace();
        if (this.#closed) return;
        isFirst = false;
        this.#synced();
        backoff.reset();
        await this.#follow(revision + 1n);
      } catch (error) {
        if (this.#closed) return;
        // Of a first list that broke off the sink has a part, of which more may be gone by now.
        isFirst = false;
        this.#report(error);
        await new Promise<void>((resolve) => this.#clock.after(backoff.next(), "relist", resolve));
      }
    }
  }

  /** Page by page, all of one revision, into a sink that has nothing yet. The revision. */
  async #fill(): Promise<bigint> {
    let page = await this.#store.list(this.#prefix, { limit: PAGE });
    const { revision } = page;
    for (;;) {
      if (this.#closed) return revision;
      for (const item of page.items) this.#sink.put(item);
      const after = page.items.at(-1)?.key;
      if (!page.more || after === undefined) break;
      page = await this.#store.list(this.#prefix, { limit: PAGE, revision, after });
    }
    this.#sink.filled?.();
    return revision;
  }

  async #replace(): Promise<bigint> {
    const { items, revision } = await this.#store.list(this.#prefix);
    if (!this.#closed) this.#sink.replace(items);
    return revision;
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
