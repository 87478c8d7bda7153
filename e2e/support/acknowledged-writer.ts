import type { Datastore } from "@ocicat/datastore";
import { isOcicatError } from "@ocicat/kit";

/** One write that was acknowledged, as the acknowledgement had it. */
export interface Acknowledged {
  readonly key: string;
  readonly value: string;
  readonly revision: bigint;
}

/**
 * Puts, several at a time, until it is stopped; remembers those that were acknowledged. What fails is not repeated: the
 * next one is another key, so that no later write can hide a lost one.
 */
export class AcknowledgedWriter {
  readonly acknowledged: Acknowledged[] = [];
  /** Codes of the failures, with how often each came. */
  readonly failures = new Map<string, number>();
  readonly #store: Datastore;
  readonly #prefix: string;
  readonly #lanes: readonly Promise<void>[];
  #going = true;

  constructor(store: Datastore, prefix: string, lanes = 4) {
    this.#store = store;
    this.#prefix = prefix;
    this.#lanes = Array.from({ length: lanes }, (_, lane) => this.#write(lane));
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#lanes);
  }

  /** Acknowledged writes that the store does not have as they were acknowledged. */
  async lost(): Promise<readonly string[]> {
    const { items } = await this.#store.list(this.#prefix);
    const stored = new Map(items.map((item) => [item.key, item]));
    return this.acknowledged.flatMap(({ key, value, revision }) => {
      const item = stored.get(key);
      if (item === undefined) return [`${key} is not there`];
      if (item.value !== value) return [`${key} holds another value`];
      return item.modRevision === revision ? [] : [`${key} is at revision ${item.modRevision}, not ${revision}`];
    });
  }

  async #write(lane: number): Promise<void> {
    for (let count = 0; this.#going; count++) {
      const key = `${this.#prefix}${lane}/${count}`;
      const value = `${lane}:${count}:${"x".repeat(200)}`;
      try {
        const { modRevision } = await this.#store.put(key, value);
        this.acknowledged.push({ key, value, revision: modRevision });
      } catch (error) {
        if (!isOcicatError(error)) throw error;
        this.failures.set(error.code, (this.failures.get(error.code) ?? 0) + 1);
      }
    }
  }
}
