import {
  type Abilities,
  type Compare,
  type Datastore,
  DatastoreError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Transaction,
  type TransactionResult,
  type Watch,
} from "@ocicat/datastore";

/**
 * A store for looking through all interleavings. What is asked of it happens at once. Its revisions are no count of
 * writes but names of them, given by whoever lets a write happen: so two orders of writes that come to the same rows come
 * to the same state, and are looked through once. The client may only compare revisions, and does.
 */
export class ModelStore implements Datastore {
  readonly abilities: Abilities = { transactions: true, leases: false, versions: true };
  readonly #rows = new Map<string, KeyValue>();
  /** The name of the next write. */
  revision = 1n;

  /** Rows in key order, as text: equal stores have equal text. */
  get text(): string {
    return this.#sorted("")
      .map(({ key, value, modRevision }) => `${key}@${modRevision}=${value}`)
      .join("\n");
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return this.#rows.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const after = options.after ?? "";
    const items = this.#sorted(prefix).filter(({ key }) => key > after);
    const limit = options.limit ?? items.length;
    return { items: items.slice(0, limit), revision: 1n, more: items.length > limit };
  }

  async create(key: string, value: string): Promise<KeyValue> {
    const current = this.#rows.get(key);
    if (current !== undefined) throw new DatastoreError("ALREADY_EXISTS", "it is there", { key, current });
    return this.#write(key, value);
  }

  async update(key: string, value: string, revision: bigint): Promise<KeyValue> {
    this.#check(key, revision);
    return this.#write(key, value);
  }

  async put(key: string, value: string): Promise<KeyValue> {
    return this.#write(key, value);
  }

  async delete(key: string, revision?: bigint): Promise<KeyValue> {
    const current = this.#check(key, revision);
    this.#rows.delete(key);
    return current;
  }

  async commit({ compares, operations }: Transaction): Promise<TransactionResult> {
    const { revision } = this;
    if (!compares.every((compare) => holds(compare, this.#rows.get(compare.key)))) {
      return { committed: false, revision, current: compares.map(({ key }) => this.#rows.get(key)) };
    }
    for (const operation of operations) {
      if ("put" in operation) this.#write(operation.put, operation.value);
      else this.#rows.delete(operation.delete);
    }
    return { committed: true, revision };
  }

  watch(): Watch {
    throw new DatastoreError("UNSUPPORTED", "nobody watches here");
  }

  async grantLease(): Promise<bigint> {
    throw new DatastoreError("UNSUPPORTED", "there are no leases here");
  }

  async keepLeaseAlive(): Promise<number> {
    throw new DatastoreError("UNSUPPORTED", "there are no leases here");
  }

  async revokeLease(): Promise<void> {}

  async close(): Promise<void> {}

  #write(key: string, value: string): KeyValue {
    const row = { key, value, modRevision: this.revision, createRevision: 1n, version: 1n, lease: 0n };
    this.#rows.set(key, row);
    return row;
  }

  #check(key: string, revision: bigint | undefined): KeyValue {
    const current = this.#rows.get(key);
    if (current === undefined) throw new DatastoreError("NOT_FOUND", "it is not there", { key });
    if (revision !== undefined && current.modRevision !== revision) {
      throw new DatastoreError("CONFLICT", "it is another by now", { key, current });
    }
    return current;
  }

  #sorted(prefix: string): readonly KeyValue[] {
    return [...this.#rows.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

function holds(compare: Compare, row: KeyValue | undefined): boolean {
  return "exists" in compare ? compare.exists === (row !== undefined) : row?.modRevision === compare.modRevision;
}
