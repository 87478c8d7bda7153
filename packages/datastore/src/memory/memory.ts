import type { Clock } from "@ocicat/kit";
import type {
  Abilities,
  Compare,
  Datastore,
  KeyValue,
  ListOptions,
  ListResult,
  Operation,
  Revision,
  Transaction,
  TransactionResult,
  Watch,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import { alreadyExists, closed, conflict, leaseNotFound, notFound, unsupported } from "../shared/failures.ts";
import {
  checkKey,
  checkLeaseSeconds,
  checkList,
  checkRevision,
  checkSize,
  checkTransaction,
  checkWatch,
  checkWrite,
} from "../shared/validate.ts";
import { WatchQueue } from "../shared/watch-queue.ts";
import { type Change, History } from "./history.ts";
import { Leases } from "./leases.ts";

export interface MemoryOptions {
  /** Drives leases. Without a clock there are none (`abilities.leases` is false). */
  readonly clock?: Clock;
  /** False: `commit` is UNSUPPORTED, as with backends that write one key at a time. True unless told. */
  readonly transactions?: boolean;
}

interface Watcher {
  readonly prefix: string;
  readonly options: WatchOptions;
  readonly queue: WatchQueue;
}

/** A whole datastore in memory, for tests, simulations and the browser. A method has happened when it returns. */
export class MemoryDatastore implements Datastore {
  readonly abilities: Abilities;
  readonly #history = new History();
  readonly #leases: Leases | undefined;
  readonly #watchers = new Set<Watcher>();
  #closed = false;

  constructor(options: MemoryOptions = {}) {
    this.abilities = {
      transactions: options.transactions ?? true,
      leases: options.clock !== undefined,
      versions: true,
    };
    this.#leases =
      options.clock &&
      new Leases(options.clock, (keys) => {
        this.#apply(keys.map((key) => ({ delete: key })));
      });
  }

  async get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    this.#checkOpen();
    checkKey(key);
    checkRevision(revision);
    return this.#history.get(key, revision);
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    this.#checkOpen();
    checkList(prefix, options);
    return this.#history.list(prefix, options);
  }

  async create(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    return this.#write(key, value, options, (current) => {
      if (current !== undefined) throw alreadyExists(key, current);
    });
  }

  async update(key: string, value: string, revision: Revision, options?: WriteOptions): Promise<KeyValue> {
    return this.#write(key, value, options, (current) => this.#checkUnchanged(key, revision, current));
  }

  async put(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    return this.#write(key, value, options, () => {});
  }

  async delete(key: string, revision?: Revision): Promise<KeyValue> {
    this.#checkOpen();
    checkKey(key);
    const current = this.#history.get(key);
    if (current === undefined) throw notFound(key);
    if (revision !== undefined) this.#checkUnchanged(key, revision, current);
    this.#apply([{ delete: key }]);
    return current;
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    this.#checkOpen();
    if (!this.abilities.transactions) throw unsupported("transactions");
    checkTransaction(transaction);
    const { compares, operations } = transaction;
    checkSize(operations.flatMap((operation) => ("put" in operation ? [operation.put, operation.value] : [])));
    if (!compares.every((compare) => holds(compare, this.#history.get(compare.key)))) {
      const current = compares.map(({ key }) => this.#history.get(key));
      return { committed: false, revision: this.#history.revision, current };
    }
    for (const operation of operations) if ("put" in operation) this.#checkLease(operation.lease);
    this.#apply(operations);
    return { committed: true, revision: this.#history.revision };
  }

  watch(prefix: string, options: WatchOptions): Watch {
    this.#checkOpen();
    checkWatch(prefix, options);
    const queue = new WatchQueue(() => this.#watchers.delete(watcher));
    const watcher: Watcher = { prefix, options, queue };
    try {
      for (const change of this.#history.since(options.from)) deliver(watcher, change);
      this.#watchers.add(watcher);
    } catch (error) {
      if (!(error instanceof DatastoreError)) throw error;
      queue.fail(error);
    }
    return queue;
  }

  async grantLease(ttlSeconds: number): Promise<bigint> {
    this.#checkOpen();
    checkLeaseSeconds(ttlSeconds);
    return this.#needLeases().grant(ttlSeconds);
  }

  async keepLeaseAlive(lease: bigint): Promise<number> {
    this.#checkOpen();
    return this.#needLeases().keepAlive(lease);
  }

  async revokeLease(lease: bigint): Promise<void> {
    this.#checkOpen();
    const keys = this.#needLeases().revoke(lease);
    this.#apply(keys.map((key) => ({ delete: key })));
  }

  /**
   * Forgets the history before `revision`: reads below it and watches up to it then throw COMPACTED. Throws COMPACTED
   * if that has been done already, FUTURE_REVISION if the store is not there yet.
   */
  async compact(revision: Revision): Promise<void> {
    this.#checkOpen();
    checkRevision(revision);
    this.#history.compact(revision);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#leases?.close();
    for (const { queue } of this.#watchers) queue.end();
    this.#watchers.clear();
  }

  #write(
    key: string,
    value: string,
    options: WriteOptions | undefined,
    check: (current: KeyValue | undefined) => void,
  ): KeyValue {
    this.#checkOpen();
    checkWrite(key, value, options);
    checkSize([key, value]);
    this.#checkLease(options?.lease);
    check(this.#history.get(key));
    this.#apply([{ put: key, value, ...options }]);
    const written = this.#history.get(key);
    if (written === undefined) throw new DatastoreError("INTERNAL", "a key just put is not there", { key });
    return written;
  }

  #apply(operations: readonly Operation[]): void {
    const change = this.#history.apply(operations);
    if (change === undefined) return;
    this.#leases?.follow(change);
    for (const watcher of this.#watchers) deliver(watcher, change);
  }

  #checkUnchanged(key: string, revision: Revision, current: KeyValue | undefined): void {
    if (current === undefined) throw notFound(key);
    if (current.modRevision !== revision) throw conflict(key, revision, current);
  }

  #checkLease(lease: bigint | undefined): void {
    if (lease === undefined || lease === 0n) return;
    if (this.#leases === undefined) throw leaseNotFound(lease);
    this.#leases.check(lease);
  }

  #needLeases(): Leases {
    if (this.#leases === undefined) throw unsupported("leases");
    return this.#leases;
  }

  #checkOpen(): void {
    if (this.#closed) throw closed();
  }
}

function holds(compare: Compare, current: KeyValue | undefined): boolean {
  return "exists" in compare
    ? compare.exists === (current !== undefined)
    : compare.modRevision === (current?.modRevision ?? 0n);
}

function deliver({ prefix, options, queue }: Watcher, change: Change): void {
  if (change.revision < options.from) return;
  const events = change.events.filter((event) => keyOf(event).startsWith(prefix));
  if (events.length === 0) return;
  const told = options.previous === true ? events : events.map((event) => ({ ...event, previous: undefined }));
  queue.push({ events: told, revision: change.revision });
}

function keyOf(event: WatchEvent): string {
  return event.type === "put" ? event.item.key : event.key;
}
