import type {
  Abilities,
  Datastore,
  KeyValue,
  ListOptions,
  ListResult,
  Revision,
  Transaction,
  TransactionResult,
  Watch,
  WatchOptions,
  WriteOptions,
} from "@ocicat/datastore";

/** A store operation on its way. */
export interface Call {
  readonly name: "get" | "list" | "create" | "update" | "put" | "delete" | "commit";
  /** What it writes; of a read, what it reads, which for a list is a prefix. */
  readonly keys: readonly string[];
  readonly isWrite: boolean;
  /** What a transaction only compares. */
  readonly compared?: readonly string[];
}

/** Stands between a client and its store: sees every call, and may delay it, drop it, or lose its answer. */
export type Interceptor = <R>(call: Call, run: () => Promise<R>) => Promise<R>;

export class InterceptedStore implements Datastore {
  readonly #store: Datastore;
  readonly #intercept: Interceptor;
  readonly abilities: Abilities;

  /** `abilities`: what the client is told it can use, the store's own unless given. */
  constructor(store: Datastore, intercept: Interceptor, abilities: Abilities = store.abilities) {
    this.#store = store;
    this.#intercept = intercept;
    this.abilities = abilities;
  }

  get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    return this.#intercept({ name: "get", keys: [key], isWrite: false }, () => this.#store.get(key, revision));
  }

  list(prefix: string, options?: ListOptions): Promise<ListResult> {
    return this.#intercept({ name: "list", keys: [prefix], isWrite: false }, () => this.#store.list(prefix, options));
  }

  create(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    return this.#write("create", [key], () => this.#store.create(key, value, options));
  }

  update(key: string, value: string, revision: Revision, options?: WriteOptions): Promise<KeyValue> {
    return this.#write("update", [key], () => this.#store.update(key, value, revision, options));
  }

  put(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    return this.#write("put", [key], () => this.#store.put(key, value, options));
  }

  delete(key: string, revision?: Revision): Promise<KeyValue> {
    return this.#write("delete", [key], () => this.#store.delete(key, revision));
  }

  commit(transaction: Transaction): Promise<TransactionResult> {
    const keys = transaction.operations.map((operation) => ("put" in operation ? operation.put : operation.delete));
    const compared = transaction.compares.map(({ key }) => key);
    const call: Call = { name: "commit", keys, isWrite: true, compared };
    return this.#intercept(call, () => this.#store.commit(transaction));
  }

  watch(prefix: string, options: WatchOptions): Watch {
    return this.#store.watch(prefix, options);
  }

  grantLease(ttlSeconds: number): Promise<bigint> {
    return this.#store.grantLease(ttlSeconds);
  }

  keepLeaseAlive(lease: bigint): Promise<number> {
    return this.#store.keepLeaseAlive(lease);
  }

  revokeLease(lease: bigint): Promise<void> {
    return this.#store.revokeLease(lease);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #write<R>(name: Call["name"], keys: readonly string[], run: () => Promise<R>): Promise<R> {
    return this.#intercept({ name, keys, isWrite: true }, run);
  }
}
