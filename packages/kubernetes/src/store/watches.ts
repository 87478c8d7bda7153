import { DatastoreError, type KeyValue, type Watch, type WatchEvent, type WatchOptions } from "@ocicat/datastore";
import { compacted, WatchQueue } from "@ocicat/datastore/shared";
import { type Clock, type Random, toError } from "@ocicat/kit";
import { ApiError, type ApiObject, type ChangeType } from "../api/index.ts";
import { type Scope, scopesOf } from "./collection.ts";
import { toDatastoreError } from "./failures.ts";
import type { Lists } from "./lists.ts";
import type { StoreParts } from "./parts.ts";
import { versionOf } from "./rows.ts";

/**
 * Where history is gone everybody who watches is told at once, and lists again. Each waits for a time of its own, of up to this
 * many milliseconds, or all of a cluster's agents would list at once.
 */
const SPREAD_MS = 2_000;

export interface WatchesOptions extends StoreParts {
  readonly lists: Lists;
  readonly clock: Clock;
  readonly random: Random;
}

/** Watches of keys as watches of objects, one for each collection that the prefix touches. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #running = new Set<RunningWatch>();

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  watch(prefix: string, options: WatchOptions): Watch {
    const queue = new WatchQueue(() => {
      running.stop();
      this.#running.delete(running);
    });
    const running = new RunningWatch(this.#options, prefix, options, queue);
    this.#running.add(running);
    return queue;
  }

  close(): void {
    for (const { queue } of this.#running) queue.close();
  }
}

/**
 * One watch. Of one collection it tells every change in its order. Of several it tells each key's changes in order, and a
 * batch's revision is the one up to which all have told: who begins again after it may be told some things twice.
 */
class RunningWatch {
  readonly queue: WatchQueue;
  readonly #options: WatchesOptions;
  readonly #prefix: string;
  readonly #from: bigint;
  /** The items as they were last told, for those who ask for what was before. */
  readonly #previous: Map<string, KeyValue> | undefined;
  /** Up to where each collection has told. */
  readonly #progress: bigint[] = [];
  #stops: (() => void)[] = [];
  #isStopped = false;

  constructor(options: WatchesOptions, prefix: string, { from, previous }: WatchOptions, queue: WatchQueue) {
    this.#options = options;
    this.#prefix = prefix;
    this.#from = from;
    this.#previous = previous === true ? new Map() : undefined;
    this.queue = queue;
    // Version 0 is any, for Kubernetes, and what happened first is long forgotten.
    if (from <= 1n) queue.fail(compacted("watching", from, undefined));
    else if (this.#previous === undefined) this.#start();
    else void this.#startWithPrevious(this.#previous);
  }

  stop(): void {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  async #startWithPrevious(previous: Map<string, KeyValue>): Promise<void> {
    try {
      const { items } = await this.#options.lists.list(this.#prefix, { revision: this.#from - 1n });
      for (const item of items) previous.set(item.key, item);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (!this.#isStopped) this.#start();
  }

  #start(): void {
    const { client, families } = this.#options;
    const after = this.#from - 1n;
    this.#stops = scopesOf(families, this.#prefix).map((scope, index) => {
      this.#progress[index] = after;
      const listener = {
        change: (type: ChangeType, object: ApiObject) => this.#changed(index, scope, type, object),
        progress: (version: string) => {
          this.#progress[index] = BigInt(version);
        },
        failed: (error: Error) => this.#failed(error),
      };
      const { collection, selection } = scope;
      return client.watch(collection.resource, selection, after.toString(), listener, collection.parse);
    });
  }

  #changed(index: number, { collection }: Scope, type: ChangeType, object: ApiObject): void {
    const revision = versionOf(object);
    this.#progress[index] = revision;
    if (revision < this.#from) return;
    const read = this.#options.rows.read(collection, object);
    if (read === undefined || !read.item.key.startsWith(this.#prefix)) return;
    const event = this.#eventOf(type, read.item, read.isGone, revision);
    if (event !== undefined) this.queue.push({ events: [event], revision: this.#toldUpTo() });
  }

  #eventOf(type: ChangeType, item: KeyValue, isGone: boolean, revision: bigint): WatchEvent | undefined {
    const { key } = item;
    const previous = this.#previous?.get(key);
    if (type === "DELETED" || isGone) {
      // The mark was the deletion, and has been told.
      if (type === "DELETED" && isGone) return undefined;
      this.#previous?.delete(key);
      return { type: "delete", key, revision, previous };
    }
    this.#previous?.set(key, item);
    return { type: "put", item, previous };
  }

  #toldUpTo(): bigint {
    let [least = 0n] = this.#progress;
    for (const each of this.#progress) if (each < least) least = each;
    return least;
  }

  #failed(error: unknown): void {
    const told = toDatastoreError(error, this.#prefix, this.#from);
    const failure =
      told instanceof DatastoreError
        ? told
        : new DatastoreError("INTERNAL", `watching failed: ${toError(error).message}`, {
            key: this.#prefix,
            cause: error,
          });
    this.stop();
    const isLost = error instanceof ApiError && error.status === 410;
    const { clock, random } = this.#options;
    const wait = isLost ? (random.uint32() / 2 ** 32) * SPREAD_MS : 0;
    const timer = clock.after(wait, "watch failed", () => this.queue.fail(failure));
    this.#stops.push(() => timer.cancel());
  }
}
