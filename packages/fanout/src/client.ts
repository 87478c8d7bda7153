import {
  type Abilities,
  type Datastore,
  DatastoreError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Revision,
  type Watch,
  type WatchOptions,
} from "@ocicat/datastore";
import { type EtcdOptions, openEtcd } from "@ocicat/datastore/etcd";
import { compareKeys, WatchQueue } from "@ocicat/datastore/shared";
import { partsOf } from "./cache/order.ts";

/** What a fan-out has to read. Everything is written to the datastore itself. */
export interface FanoutClient extends Pick<Datastore, "list" | "watch" | "close"> {
  readonly abilities: Abilities;
  /** True while there is a connection. */
  readonly connected: boolean;
}

/** Lists of several orders whose revisions are remembered, for the watches that go on from them. */
const REMEMBERED = 16;

/** Connects by itself, in the background, to any of the fan-outs named. Throws DatastoreError INVALID for what cannot be one. */
export function openFanout(options: EtcdOptions): FanoutClient {
  return new Client(openEtcd(options));
}

class Client implements FanoutClient {
  readonly abilities: Abilities = { transactions: false, leases: false, versions: false };
  readonly #etcd: ReturnType<typeof openEtcd>;
  /** Where each part of a list was, by the revision told of the whole. */
  readonly #places = new Map<Revision, readonly Revision[]>();

  constructor(etcd: ReturnType<typeof openEtcd>) {
    this.#etcd = etcd;
  }

  get connected(): boolean {
    return this.#etcd.connected;
  }

  /** A range of several orders is told whole, whatever the limit: its pages would be of no one revision. */
  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const parts = partsOf(prefix);
    if (parts.length === 1) return await this.#etcd.list(prefix, options);
    const lists = await Promise.all(parts.map((part) => this.#etcd.list(part)));
    const revisions = lists.map(({ revision }) => revision);
    const least = leastOf(revisions);
    this.#places.set(least, revisions);
    for (const old of this.#places.keys()) if (this.#places.size > REMEMBERED) this.#places.delete(old);
    const items: KeyValue[] = lists.flatMap((list) => [...list.items]).sort((a, b) => compareKeys(a.key, b.key));
    return { items, revision: least, more: false };
  }

  watch(prefix: string, options: WatchOptions): Watch {
    const parts = partsOf(prefix);
    if (parts.length === 1) return this.#etcd.watch(prefix, options);
    const places = this.#places.get(options.from - 1n);
    const begin = parts.map((_, index) => (places?.[index] ?? options.from - 1n) + 1n);
    return merged(
      parts.map((part, index) => this.#etcd.watch(part, { ...options, from: begin[index] ?? options.from })),
    );
  }

  close(): Promise<void> {
    return this.#etcd.close();
  }
}

/** Each one's changes in their order; what one fails of, all fail of. */
function merged(watches: readonly Watch[]): Watch {
  const queue = new WatchQueue(() => {
    for (const watch of watches) watch.close();
  });
  const told: Revision[] = watches.map(() => 0n);
  const follow = async (watch: Watch, index: number) => {
    try {
      for await (const { events, revision } of watch) {
        told[index] = revision;
        queue.push({ events, revision: leastOf(told) });
      }
    } catch (error) {
      for (const other of watches) other.close();
      queue.fail(asDatastoreError(error));
    }
  };
  for (const [index, watch] of watches.entries()) void follow(watch, index);
  return queue;
}

function asDatastoreError(error: unknown): DatastoreError {
  return error instanceof DatastoreError ? error : new DatastoreError("INTERNAL", "watching failed", { cause: error });
}

function leastOf(revisions: readonly Revision[]): Revision {
  let [least = 0n] = revisions;
  for (const each of revisions) if (each < least) least = each;
  return least;
}
