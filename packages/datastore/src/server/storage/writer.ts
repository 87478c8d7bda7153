import type { AuthTable } from "./auth-table.ts";
import { type Change, type Entry, NO_BYTES, NO_LEASE } from "./entry.ts";
import type { HistoryTable } from "./history-table.ts";
import { isLive, type KeyIndex } from "./key-index.ts";
import { byteString, type KeyRange } from "./key-range.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { MetaTable } from "./meta-table.ts";
import { type State, View } from "./view.ts";

/** What is stored besides keys. */
export interface Tables {
  readonly leases: LeaseTable;
  readonly auth: AuthTable;
  readonly meta: MetaTable;
}

/**
 * One write request at work. All it writes has one revision, the next; a request that writes nothing takes none.
 * A request that throws, at whatever point, leaves no trace (store.ts).
 */
export class Writer extends View {
  readonly changes: Change[] = [];
  readonly effects: (() => void)[] = [];
  /** Asked for when first needed: what a request writes to them is undone by a savepoint (store.ts). */
  readonly #tables: () => Tables;
  #state: State;

  constructor(history: HistoryTable, index: KeyIndex, tables: () => Tables, state: State) {
    super(history, index, () => this.#state);
    this.#tables = tables;
    this.#state = state;
  }

  get leases(): LeaseTable {
    return this.#tables().leases;
  }

  get auth(): AuthTable {
    return this.#tables().auth;
  }

  get state(): State {
    return this.#state;
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const slot = this.index.get(byteString(key));
    const alive = isLive(slot) ? slot : undefined;
    const revision = this.#writeRevision();
    this.#write(slot?.id ?? 0, {
      key,
      value,
      modRevision: revision,
      createRevision: alive?.createRevision ?? revision,
      version: (alive?.version ?? 0) + 1,
      lease,
    });
  }

  /** Deletes what exists in the range and returns how many keys that were. */
  delete(range: KeyRange): number {
    const doomed = this.entries(range, { values: false });
    for (const { key } of doomed) this.#delete(key);
    return doomed.length;
  }

  /** Ends a lease and deletes its keys. */
  revokeLease(lease: bigint): void {
    for (const key of this.leasedKeys(lease)) this.#delete(key);
    this.leases.remove(lease);
  }

  /** From here on nothing below `revision` can be read. Its rows go later (compaction.ts). */
  compact(revision: number): void {
    this.#tables().meta.set("compact_revision", revision.toString());
    this.#state = { ...this.#state, compactRevision: revision };
  }

  /** Runs when this request is on the disk, before anything is answered. Not at all if the group fails. */
  afterCommit(effect: () => void): void {
    this.effects.push(effect);
  }

  #delete(key: Uint8Array): void {
    const previousId = this.index.get(byteString(key))?.id ?? 0;
    this.#write(previousId, {
      key,
      value: NO_BYTES,
      modRevision: this.#writeRevision(),
      createRevision: 0,
      version: 0,
      lease: NO_LEASE,
    });
  }

  #writeRevision(): number {
    return this.changes.length === 0 ? this.#state.revision + 1 : this.#state.revision;
  }

  #write(previousId: number, entry: Entry): void {
    const change = { id: this.#state.nextId, entry, previousId };
    this.history.add(change);
    this.index.take(change);
    this.changes.push(change);
    this.#state = { ...this.#state, revision: entry.modRevision, nextId: change.id + 1 };
  }
}
