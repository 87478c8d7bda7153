/** A store-wide version: every committed write has a higher one than all before it. 64-bit in etcd, so a bigint here. */
export type Revision = bigint;

/** A key with its value and its history, as etcd tells it. Keys and values are UTF-8 text (paths and JSON). */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** The revision of the last write to the key: what compare-and-swap compares. */
  readonly modRevision: Revision;
  /** 0n where `abilities.versions` is false, and the next too. */
  readonly createRevision: Revision;
  /** Writes since creation; 1 for a new key. */
  readonly version: bigint;
  /** The lease the key dies with, 0n if none. */
  readonly lease: bigint;
}

/** What a backend can do beyond single keys; callers ask before they use it. */
export interface Abilities {
  /** Several keys compared and written in one step. */
  readonly transactions: boolean;
  readonly leases: boolean;
  /** Keys tell how often they were written, and at which revision first; otherwise both are 0n. */
  readonly versions: boolean;
}

export interface WriteOptions {
  readonly lease?: bigint;
}

export interface ListOptions {
  /** Read the store as of this revision; the current one if not given. DatastoreError COMPACTED if it is gone. */
  readonly revision?: Revision;
  /** At most this many, in key order. */
  readonly limit?: number;
  /** Only keys after this one: for the next page. */
  readonly after?: string;
}

export interface ListResult {
  /** In key order (bytewise). */
  readonly items: readonly KeyValue[];
  /** The revision the list shows; watching from the next one misses nothing. */
  readonly revision: Revision;
  /** True if `limit` cut the list. */
  readonly more: boolean;
}

export type Compare =
  | { readonly key: string; readonly modRevision: Revision }
  | { readonly key: string; readonly exists: boolean };

export type Operation =
  | { readonly put: string; readonly value: string; readonly lease?: bigint }
  | { readonly delete: string };

/** All compares hold → all operations happen, at one revision. Else nothing happens. No key may be written twice. */
export interface Transaction {
  readonly compares: readonly Compare[];
  readonly operations: readonly Operation[];
}

export type TransactionResult =
  | { readonly committed: true; readonly revision: Revision }
  /** `current`: the compared keys as they are, in the order of the compares (undefined: does not exist). */
  | { readonly committed: false; readonly revision: Revision; readonly current: readonly (KeyValue | undefined)[] };

export type WatchEvent =
  | { readonly type: "put"; readonly item: KeyValue; readonly previous: KeyValue | undefined }
  | {
      readonly type: "delete";
      readonly key: string;
      readonly revision: Revision;
      readonly previous: KeyValue | undefined;
    };

/** Everything one revision did below the prefix, or several consecutive revisions; never part of a revision. */
export interface WatchBatch {
  readonly events: readonly WatchEvent[];
  /** The last revision the batch holds; resume from the one after. */
  readonly revision: Revision;
}

export interface WatchOptions {
  /** The first revision to report (usually a list's revision + 1). */
  readonly from: Revision;
  /** Fill `previous`. */
  readonly previous?: boolean;
}

/**
 * A running watch. Batches come in order, none is missed or doubled: the driver resumes by itself over lost connections.
 * The iteration ends after close(), or throws DatastoreError: COMPACTED means list again.
 */
export interface Watch extends AsyncIterable<WatchBatch> {
  close(): void;
}

/**
 * A store with etcd v3's semantics. Every method may throw DatastoreError; `retryable` on it says whether the same call
 * may work later. An error with code UNKNOWN_OUTCOME after a write means: it may or may not have happened; read before
 * repeating.
 */
export interface Datastore {
  readonly abilities: Abilities;

  get(key: string, revision?: Revision): Promise<KeyValue | undefined>;
  /** All keys that begin with `prefix`, at one revision. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;

  /** Throws ALREADY_EXISTS (with `current`). */
  create(key: string, value: string, options?: WriteOptions): Promise<KeyValue>;
  /** Throws NOT_FOUND or CONFLICT (with `current`) unless the key's modRevision is `revision`. */
  update(key: string, value: string, revision: Revision, options?: WriteOptions): Promise<KeyValue>;
  /** Writes whatever is there. */
  put(key: string, value: string, options?: WriteOptions): Promise<KeyValue>;
  /** Throws NOT_FOUND, or CONFLICT if `revision` is given and is not the key's. Returns what was deleted. */
  delete(key: string, revision?: Revision): Promise<KeyValue>;

  /** With `abilities.transactions` only; otherwise throws UNSUPPORTED. */
  commit(transaction: Transaction): Promise<TransactionResult>;

  watch(prefix: string, options: WatchOptions): Watch;

  /** With `abilities.leases` only. A lease of `ttlSeconds`; keys put with it vanish when it expires unless kept alive. */
  grantLease(ttlSeconds: number): Promise<bigint>;
  /** Renews it once; returns the seconds it now has. Throws NOT_FOUND if it has expired. */
  keepLeaseAlive(lease: bigint): Promise<number>;
  /** Ends it and deletes its keys. */
  revokeLease(lease: bigint): Promise<void>;

  /** Ends watches and connections. Idempotent. */
  close(): Promise<void>;
}
