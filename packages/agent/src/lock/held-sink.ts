import type { KeyValue } from "@ocicat/datastore";
import type { ReflectorSink } from "../watch/reflector.ts";
import type { DatastoreLock, Holder } from "./lock.ts";

type Change = { readonly put: KeyValue } | { readonly removedAt: bigint };

/**
 * Lets what a reflector sees through to its sink, unless the datastore is locked: then it is kept, the last of each key, and
 * told when the datastore is unlocked. The first picture always goes through: an agent that starts meanwhile goes by what
 * there is.
 */
export class HeldSink implements ReflectorSink, Holder {
  readonly #sink: ReflectorSink;
  readonly #lock: DatastoreLock;
  readonly #changes = new Map<string, Change>();
  #whole: readonly KeyValue[] | undefined;
  #filled = false;

  constructor(sink: ReflectorSink, lock: DatastoreLock) {
    this.#sink = sink;
    this.#lock = lock;
    lock.addHolder(this);
  }

  replace(items: readonly KeyValue[]): void {
    if (this.#holds) {
      this.#whole = items;
      this.#changes.clear();
    } else {
      this.#filled = true;
      this.#sink.replace(items);
    }
  }

  filled(): void {
    this.#filled = true;
    this.#sink.filled?.();
  }

  put(item: KeyValue): void {
    if (this.#holds) this.#changes.set(item.key, { put: item });
    else this.#sink.put(item);
  }

  remove(key: string, revision: bigint): void {
    if (this.#holds) this.#changes.set(key, { removedAt: revision });
    else this.#sink.remove(key, revision);
  }

  get #holds(): boolean {
    return this.#lock.locked && this.#filled;
  }

  /** What is listed again counts as a change each: what differs in it is not known before it is told. */
  get waiting(): number {
    return (this.#whole?.length ?? 0) + this.#changes.size;
  }

  release(): void {
    const whole = this.#whole;
    const changes = [...this.#changes];
    this.#whole = undefined;
    this.#changes.clear();
    if (whole !== undefined) this.#sink.replace(whole);
    for (const [key, change] of changes) {
      if ("put" in change) this.#sink.put(change.put);
      else this.#sink.remove(key, change.removedAt);
    }
  }
}
