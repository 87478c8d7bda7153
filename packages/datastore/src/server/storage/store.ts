import type { DatabaseSync, StatementSync } from "node:sqlite";
import { AuthTable } from "./auth-table.ts";
import { columnsOf, integer } from "./columns.ts";
import { type Change, isDeletion } from "./entry.ts";
import type { DataFile } from "./file.ts";
import { HistoryTable } from "./history-table.ts";
import { KeyIndex } from "./key-index.ts";
import { byteString, type KeyRange, rangeContains } from "./key-range.ts";
import { LeaseTable } from "./lease-table.ts";
import { MetaTable } from "./meta-table.ts";
import { isMachineFailure } from "./sqlite-errors.ts";
import { type State, View } from "./view.ts";
import { type Tables, Writer } from "./writer.ts";

/** etcd counts the making of the empty store as its first revision. */
const FIRST_REVISION = 1;

/** Beyond so many writes since then, keys as they were are counted one by one. */
const MAX_CHANGES = 1000;

/** What a group of requests did. */
export interface Committed {
  /** In order of the history: revisions ascend. */
  readonly changes: readonly Change[];
  readonly effects: readonly (() => void)[];
  /** Something was written, and so must reach the disk before anybody is answered. */
  readonly wrote: boolean;
}

/**
 * The keys with their history, in one SQLite file, and the present in memory (key-index.ts). Everything is synchronous.
 * Writes happen in groups:
 *
 *     begin() · request() · request() · … · commit()      or rollback()
 *
 * Each request of a group sees those before it. One that throws leaves no trace.
 * What commit() returns is in the log but not on the disk yet: bringing it there is up to the caller (GroupCommit).
 */
export class Store extends View implements Tables {
  readonly leases: LeaseTable;
  readonly auth: AuthTable;
  readonly meta: MetaTable;
  readonly file: DataFile;
  #state: State;
  #before: State;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  readonly #totalChanges: StatementSync;
  #rowsBefore = 0;
  #changes: Change[] = [];
  #effects: (() => void)[] = [];

  constructor(file: DataFile) {
    const history = new HistoryTable(file.db);
    super(history, new KeyIndex(history.all()), () => this.#state);
    this.file = file;
    this.meta = new MetaTable(file.db);
    this.leases = new LeaseTable(file.db);
    this.auth = new AuthTable(file.db, this.meta);
    this.#savepoint = file.db.prepare("SAVEPOINT request");
    this.#release = file.db.prepare("RELEASE request");
    this.#totalChanges = file.db.prepare("SELECT total_changes()");
    this.#state = readState(file.db, this.meta);
    this.#before = this.#state;
  }

  begin(): void {
    this.#before = this.#state;
    this.#rowsBefore = this.#rowsWritten();
    this.file.db.exec("BEGIN IMMEDIATE");
  }

  /** What `apply` throws comes through. After a failure of the machine (isMachineFailure) the group must be rolled back. */
  request<T>(apply: (writer: Writer) => T): T {
    const mark = this.index.mark;
    let hasSavepoint = false;
    const tables = () => {
      if (!hasSavepoint) this.#savepoint.run();
      hasSavepoint = true;
      return this;
    };
    const writer = new Writer(this.history, this.index, tables, this.#state);
    try {
      const result = apply(writer);
      if (hasSavepoint) this.#release.run();
      this.#state = writer.state;
      this.#changes.push(...writer.changes);
      this.#effects.push(...writer.effects);
      return result;
    } catch (error) {
      this.index.takeBack(mark);
      if (!isMachineFailure(error)) {
        if (hasSavepoint) this.file.db.exec("ROLLBACK TO request; RELEASE request");
        this.history.removeFrom(this.#state.nextId);
      }
      throw error;
    }
  }

  commit(): Committed {
    const wrote = this.#rowsWritten() > this.#rowsBefore;
    this.file.db.exec("COMMIT");
    const committed = { changes: this.#changes, effects: this.#effects, wrote };
    this.index.settle();
    this.#reset();
    return committed;
  }

  /** Everything is as before begin(). */
  rollback(): void {
    this.#state = this.#before;
    this.index.takeBack(0);
    this.#reset();
    // Some errors (disk full, I/O) make SQLite roll back by itself.
    if (this.file.db.isTransaction) this.file.db.exec("ROLLBACK");
  }

  /** A transaction of the server's own, outside any group. */
  maintain<T>(act: (db: DatabaseSync) => T): T {
    const { db } = this.file;
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = act(db);
      db.exec("COMMIT");
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  /** From the present count, if not too much has changed since. */
  override countAt(range: KeyRange, revision: number): number {
    const first = new Map<string, Change>();
    const last = new Map<string, Change>();
    let looked = 0;
    for (const change of this.changesSince(revision + 1)) {
      looked += 1;
      if (looked > MAX_CHANGES) return super.countAt(range, revision);
      if (!rangeContains(range, change.entry.key)) continue;
      const key = byteString(change.entry.key);
      if (!first.has(key)) first.set(key, change);
      last.set(key, change);
    }
    let count = this.count(range);
    for (const change of last.values()) if (!isDeletion(change.entry)) count -= 1;
    for (const change of first.values()) if (this.before(change) !== undefined) count += 1;
    return count;
  }

  /** Writes from a revision on, in order. Take what is needed and stop. */
  changesSince(revision: number): Generator<Change, void, undefined> {
    return this.history.from(this.firstIdOf(revision));
  }

  /**
   * The place of the first write with at least this revision; where the next write will be if there is none.
   * Places and revisions ascend together, with gaps where compaction took rows: so halving finds it.
   */
  firstIdOf(revision: number): number {
    let low = 1;
    let high = this.#state.nextId;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.history.placeFrom(middle);
      if (found === undefined || found.revision >= revision) high = middle;
      else low = found.id + 1;
    }
    return this.history.placeFrom(low)?.id ?? this.#state.nextId;
  }

  /** Compaction took this deletion from the file. */
  forget(key: Uint8Array, id: number): void {
    this.index.forget(byteString(key), id);
  }

  close(): void {
    this.file.close();
  }

  #rowsWritten(): number {
    return integer(columnsOf(this.#totalChanges.get())[0]);
  }

  #reset(): void {
    this.#changes = [];
    this.#effects = [];
  }
}

/** The newest revision always has a row: compaction leaves the rows at its own revision, and that is at most the newest. */
function readState(db: DatabaseSync, meta: MetaTable): State {
  const row = db.prepare("SELECT id, revision FROM history ORDER BY id DESC LIMIT 1").get();
  const [id, revision] = row === undefined ? [0, FIRST_REVISION] : columnsOf(row);
  return { revision: integer(revision), compactRevision: meta.number("compact_revision"), nextId: integer(id) + 1 };
}
