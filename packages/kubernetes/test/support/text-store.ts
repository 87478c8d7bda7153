import { globalNetworkSet, isObject } from "@ocicat/api";
import type { Abilities, Datastore, KeyValue, Watch, WatchBatch, WatchEvent, WatchOptions } from "@ocicat/datastore";
import { DatastoreError, type ListOptions, type ListResult } from "@ocicat/datastore";
import { parseJson } from "@ocicat/kit";

const ROOT = globalNetworkSet.storage.prefix();

/**
 * Any key with any text, over a store that keeps resources alone: for the compliance suite, which asks for both. A key is a
 * GlobalNetworkSet named by its bytes in hex, which keeps their order and beginnings, and its value a field of it.
 */
export class TextStore implements Datastore {
  readonly abilities: Abilities;
  readonly #store: Datastore;

  constructor(store: Datastore) {
    this.#store = store;
    this.abilities = store.abilities;
  }

  async get(key: string, revision?: bigint): Promise<KeyValue | undefined> {
    return textOf(await this.#store.get(resourceKeyOf(key), revision));
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const { after, ...rest } = options;
    const more = after === undefined ? rest : { ...rest, after: ROOT + hex(after) };
    const result = await this.#store.list(ROOT + hex(prefix), more);
    return { ...result, items: result.items.map(textItem) };
  }

  create(key: string, value: string, options?: { readonly lease?: bigint }): Promise<KeyValue> {
    return this.#written(this.#store.create(resourceKeyOf(key), resourceOf(key, value), options));
  }

  update(key: string, value: string, revision: bigint): Promise<KeyValue> {
    return this.#written(this.#store.update(resourceKeyOf(key), resourceOf(key, value), revision));
  }

  put(key: string, value: string, options?: { readonly lease?: bigint }): Promise<KeyValue> {
    return this.#written(this.#store.put(resourceKeyOf(key), resourceOf(key, value), options));
  }

  delete(key: string, revision?: bigint): Promise<KeyValue> {
    return this.#written(this.#store.delete(resourceKeyOf(key), revision));
  }

  commit: Datastore["commit"] = (transaction) => this.#store.commit(transaction);
  grantLease: Datastore["grantLease"] = (seconds) => this.#store.grantLease(seconds);
  keepLeaseAlive: Datastore["keepLeaseAlive"] = (lease) => this.#store.keepLeaseAlive(lease);
  revokeLease: Datastore["revokeLease"] = (lease) => this.#store.revokeLease(lease);

  watch(prefix: string, options: WatchOptions): Watch {
    const watch = this.#store.watch(ROOT + hex(prefix), options);
    const iterator = watch[Symbol.asyncIterator]();
    const told = (result: IteratorResult<WatchBatch>): IteratorResult<WatchBatch> => {
      if (result.done === true) return result;
      const { events, revision } = result.value;
      return { done: false, value: { events: events.map(textEvent), revision } };
    };
    return {
      close: () => watch.close(),
      [Symbol.asyncIterator]: () => ({
        next: async () => told(await iterator.next()),
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      }),
    };
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #written(written: Promise<KeyValue>): Promise<KeyValue> {
    try {
      return textItem(await written);
    } catch (error) {
      if (!(error instanceof DatastoreError) || error.current === undefined) throw error;
      throw new DatastoreError(error.code, error.message, { current: textItem(error.current), cause: error });
    }
  }
}

function hex(text: string): string {
  return Buffer.from(text, "utf8").toString("hex");
}

/** What no store takes is handed on as it is, for the store to refuse. */
function resourceKeyOf(key: string): string {
  return key === "" || !key.isWellFormed() ? key : ROOT + hex(key);
}

function resourceOf(key: string, text: string): string {
  if (!text.isWellFormed()) return text;
  const metadata = { name: hex(key) };
  return JSON.stringify({ kind: "GlobalNetworkSet", apiVersion: "projectcalico.org/v3", metadata, spec: { text } });
}

function textItem(item: KeyValue): KeyValue {
  const key = Buffer.from(item.key.slice(ROOT.length), "hex").toString("utf8");
  const resource = parseJson(item.value);
  const spec = isObject(resource) ? resource["spec"] : undefined;
  const text = isObject(spec) ? spec["text"] : undefined;
  if (typeof text !== "string") throw new Error(`${item.key} has no text`);
  return { ...item, key, value: text };
}

function textOf(item: KeyValue | undefined): KeyValue | undefined {
  return item === undefined ? undefined : textItem(item);
}

function textEvent(event: WatchEvent): WatchEvent {
  const previous = textOf(event.previous);
  if (event.type === "put") return { type: "put", item: textItem(event.item), previous };
  const key = Buffer.from(event.key.slice(ROOT.length), "hex").toString("utf8");
  return { ...event, key, previous };
}
