import {
  type AllocationBlock,
  decodeBlock,
  decodeHandle,
  encodeBlock,
  encodeHandle,
  handleKey,
  type IpamHandle,
} from "@ocicat/api/ipam";
import type { Compare, Datastore, KeyValue, Operation, Transaction } from "@ocicat/datastore";
import { nextVersion } from "../../block/index.ts";

/** A change of several rows as one transaction: whatever was looked at for it must still be so when it is committed. */
export class Change {
  readonly #store: Datastore;
  readonly #rows = new Map<string, KeyValue | undefined>();
  readonly #blocks = new Map<string, AllocationBlock | undefined>();
  readonly #writes = new Map<string, string | undefined>();

  constructor(store: Datastore) {
    this.#store = store;
  }

  async row(key: string): Promise<KeyValue | undefined> {
    if (!this.#rows.has(key)) this.#rows.set(key, await this.#store.get(key));
    return this.#rows.get(key);
  }

  /** As it will be. Throws IpamCorruptError. */
  async block(key: string): Promise<AllocationBlock | undefined> {
    if (this.#blocks.has(key)) return this.#blocks.get(key);
    const row = await this.row(key);
    return row && decodeBlock(key, row.value);
  }

  async handle(id: string): Promise<IpamHandle | undefined> {
    const row = await this.row(handleKey(id));
    return row && decodeHandle(row.key, row.value);
  }

  /** Undefined: it is deleted. */
  setBlock(key: string, block: AllocationBlock | undefined): void {
    this.#blocks.set(key, block);
  }

  setHandle(id: string, handle: IpamHandle | undefined): void {
    this.write(handleKey(id), handle && encodeHandle(handle));
  }

  /** Undefined: it is deleted. */
  write(key: string, text: string | undefined): void {
    this.#writes.set(key, text);
  }

  /** Empty of operations if everything is as it should be. */
  transaction(): Transaction {
    const writes = new Map(this.#writes);
    for (const [key, block] of this.#blocks) writes.set(key, block && encodeBlock(nextVersion(block)));
    const operations = [...writes].flatMap(([key, value]): readonly Operation[] => {
      if (value !== undefined) return [{ put: key, value }];
      return this.#rows.get(key) === undefined ? [] : [{ delete: key }];
    });
    const compares = [...this.#rows].map(
      ([key, row]): Compare => (row === undefined ? { key, exists: false } : { key, modRevision: row.modRevision }),
    );
    return { compares, operations };
  }
}
