import type { AuthTable } from "./auth-table.ts";
import { type Change, type Entry, isDeletion, NO_BYTES, NO_LEASE } from "./entry.ts";
import type { KeyRange } from "./key-range.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { MetaTable } from "./meta-table.ts";
import type { Statements } from "./statements.ts";
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
  readonly leases: LeaseTable;
  readonly auth: AuthTable;
  readonly changes: Change[] = [];
  readonly effects: (() => void)[] = [];
  readonly #meta: MetaTable;
  #state: State;

  constructor(statements: Statements, { leases, auth, meta }: Tables, state: State) {
    super(statements, () => this.#state);
    this.leases = leases;
    this.auth = auth;
    this.#meta = meta;
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const latest = this.statements.latest(key);
    const alive = latest !== undefined && !isDeletion(latest.entry) ? latest.entry : undefined;
    const revision = this.#writeRevision();
    this.#write(latest?.id ?? 0, {
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
    const doomed = this.statements.liveKeys(range);
    for (const { key } of doomed) this.#delete(key);
    return doomed.length;
  }

  /** Ends a lease and deletes its keys. */
  revokeLease(lease: bigint): void {
    for (const key of this.statements.leasedKeys(lease)) this.#delete(key);
    this.leases.remove(lease);
  }

  /** From here on nothing below `revision` can be read. Its rows go later (compaction.ts). */
  compact(revision: number): void {
    this.#meta.set("compact_revision", revision.toString());
    this.#state = { ...this.#state, compactRevision: revision };
  }

  /** Runs when this request is on the disk, before anything is answered. Not at all if the group fails. */
  afterCommit(effect: () => void): void {
    this.effects.push(effect);
  }

  #delete(key: Uint8Array): void {
    const previousId = this.statements.latest(key)?.id ?? 0;
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
    this.statements.write(change);
    this.changes.push(change);
    this.#state = { ...this.#state, revision: entry.modRevision, nextId: change.id + 1 };
  }
}
