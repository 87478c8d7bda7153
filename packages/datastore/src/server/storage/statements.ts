import type { DatabaseSync, StatementSync } from "node:sqlite";
import { bytes, columnsOf, integer, leaseFromColumn, leaseToColumn } from "./columns.ts";
import { type Change, type Entry, isDeletion, NO_BYTES } from "./entry.ts";
import { byteString, type KeyRange } from "./key-range.ts";
import { type Latest, RecentEntries } from "./recent.ts";

const RANGES: Readonly<Record<KeyRange["kind"], string>> = {
  one: "l.key = ?",
  span: "l.key >= ? AND l.key < ?",
  from: "l.key >= ?",
};

function bounds(range: KeyRange): Uint8Array[] {
  switch (range.kind) {
    case "one":
      return [range.key];
    case "span":
      return [range.start, range.end];
    case "from":
      return [range.start];
  }
}

/** One statement for each kind of range, prepared when first used. */
class RangeStatement {
  readonly #prepare: (kind: KeyRange["kind"]) => StatementSync;
  readonly #prepared = new Map<KeyRange["kind"], StatementSync>();

  constructor(db: DatabaseSync, sql: (where: string) => string) {
    this.#prepare = (kind) => db.prepare(sql(RANGES[kind]));
  }

  for(range: KeyRange): StatementSync {
    const known = this.#prepared.get(range.kind);
    if (known !== undefined) return known;
    const prepared = this.#prepare(range.kind);
    this.#prepared.set(range.kind, prepared);
    return prepared;
  }
}

const NO_LIMIT = -1;

/** Of keys and values that need not be looked for in the file. */
const RECENT_BYTES = 8 * 1024 * 1024;

/** The SQL of the store, each statement prepared once and dressed in types. No decision is taken here. */
export class Statements {
  readonly #recent = new RecentEntries(RECENT_BYTES);
  readonly #latest: StatementSync;
  readonly #latestWithValue: StatementSync;
  readonly #liveKeys: RangeStatement;
  readonly #liveEntries: RangeStatement;
  readonly #liveCount: RangeStatement;
  readonly #unchangedCount: RangeStatement;
  readonly #changedSince: RangeStatement;
  readonly #newest: RangeStatement;
  readonly #history: StatementSync;
  readonly #historyFrom: StatementSync;
  readonly #nextPlace: StatementSync;
  readonly #addHistory: StatementSync;
  readonly #setLatest: StatementSync;
  readonly #leasedKeys: StatementSync;

  constructor(db: DatabaseSync) {
    const state = "l.key, l.revision, l.created, l.version, l.lease";
    this.#latest = db.prepare(`SELECT ${state}, l.id FROM latest l WHERE l.key = ?`);
    this.#latestWithValue = db.prepare(
      `SELECT ${state}, l.id, h.value FROM latest l JOIN history h ON h.id = l.id WHERE l.key = ?`,
    );
    this.#liveKeys = new RangeStatement(
      db,
      (where) => `SELECT ${state} FROM latest l WHERE ${where} AND l.version > 0 ORDER BY l.key LIMIT ?`,
    );
    this.#liveEntries = new RangeStatement(
      db,
      (where) =>
        `SELECT ${state}, h.value FROM latest l JOIN history h ON h.id = l.id
         WHERE ${where} AND l.version > 0 ORDER BY l.key LIMIT ?`,
    );
    this.#liveCount = new RangeStatement(
      db,
      (where) => `SELECT count(*) FROM latest l WHERE ${where} AND l.version > 0`,
    );
    this.#unchangedCount = new RangeStatement(
      db,
      (where) => `SELECT count(*) FROM latest l WHERE ${where} AND l.version > 0 AND l.revision <= ?`,
    );
    this.#changedSince = new RangeStatement(
      db,
      (where) => `SELECT l.id FROM latest l WHERE ${where} AND l.revision > ?`,
    );

    const write = "h.key, h.revision, h.created, h.version, h.lease, h.value, h.id, h.previous";
    this.#newest = new RangeStatement(
      db,
      (where) => `SELECT ${write} FROM latest l JOIN history h ON h.id = l.id WHERE ${where} ORDER BY l.key`,
    );
    this.#history = db.prepare(`SELECT ${write} FROM history h WHERE h.id = ?`);
    this.#historyFrom = db.prepare(`SELECT ${write} FROM history h WHERE h.id >= ? ORDER BY h.id`);
    this.#nextPlace = db.prepare("SELECT id, revision FROM history WHERE id >= ? ORDER BY id LIMIT 1");
    this.#addHistory = db.prepare(
      `INSERT INTO history (id, revision, key, created, version, lease, previous, value)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#setLatest = db.prepare(
      `INSERT INTO latest (key, id, revision, created, version, lease) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET id = excluded.id, revision = excluded.revision, created = excluded.created,
         version = excluded.version, lease = excluded.lease`,
    );
    this.#leasedKeys = db.prepare("SELECT key FROM latest WHERE lease = ? ORDER BY key");
  }

  /** Perhaps without its value. */
  latest(key: Uint8Array): Latest | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const row = this.#latest.get(key);
    if (row === undefined) return undefined;
    const columns = columnsOf(row);
    return { entry: entryOf(columns, NO_BYTES), id: integer(columns[5]) };
  }

  latestWithValue(key: Uint8Array): Latest | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const row = this.#latestWithValue.get(key);
    if (row === undefined) return undefined;
    const columns = columnsOf(row);
    const latest = { entry: entryOf(columns, bytes(columns[6])), id: integer(columns[5]) };
    if (!isDeletion(latest.entry)) this.#recent.keep(latest, true);
    return latest;
  }

  /** After a rollback: what is remembered may be what was rolled back. */
  rolledBack(): void {
    this.#recent.clear();
  }

  /** Live keys in order, without their values. */
  liveKeys(range: KeyRange, limit = NO_LIMIT): Entry[] {
    return this.#liveKeys
      .for(range)
      .all(...bounds(range), limit)
      .map((row) => entryOf(columnsOf(row), NO_BYTES));
  }

  /** Live keys in order, with their values. */
  liveEntries(range: KeyRange, limit = NO_LIMIT): Entry[] {
    return this.#liveEntries
      .for(range)
      .all(...bounds(range), limit)
      .map((row) => {
        const columns = columnsOf(row);
        return entryOf(columns, bytes(columns[5]));
      });
  }

  liveCount(range: KeyRange): number {
    return integer(columnsOf(this.#liveCount.for(range).get(...bounds(range)))[0]);
  }

  /** Keys that are as they were at `revision`. */
  unchangedCount(range: KeyRange, revision: number): number {
    return integer(columnsOf(this.#unchangedCount.for(range).get(...bounds(range), revision))[0]);
  }

  /** The newest places in the history of the keys written or deleted after `revision`. */
  changedSince(range: KeyRange, revision: number): number[] {
    return this.#changedSince
      .for(range)
      .all(...bounds(range), revision)
      .map((row) => integer(columnsOf(row)[0]));
  }

  /** The newest write of every key in order, deletions included. Take what is needed and stop. */
  *newest(range: KeyRange): Generator<Change, void, undefined> {
    for (const row of this.#newest.for(range).iterate(...bounds(range))) yield changeOf(row);
  }

  /** Undefined if compaction has taken it. */
  change(id: number): Change | undefined {
    const row = this.#history.get(id);
    return row === undefined ? undefined : changeOf(row);
  }

  /** The history from a place on. Take what is needed and stop: the statement is free again when the iteration ends. */
  *changesFrom(id: number): Generator<Change, void, undefined> {
    for (const row of this.#historyFrom.iterate(id)) yield changeOf(row);
  }

  /** The first write at or after a place. */
  placeFrom(id: number): { readonly id: number; readonly revision: number } | undefined {
    const row = this.#nextPlace.get(id);
    if (row === undefined) return undefined;
    const [found, revision] = columnsOf(row);
    return { id: integer(found), revision: integer(revision) };
  }

  write(change: Change): void {
    const { id, entry, previousId } = change;
    const lease = leaseToColumn(entry.lease);
    const { key, modRevision, createRevision, version } = entry;
    this.#addHistory.run(id, modRevision, key, createRevision, version, lease, previousId, entry.value);
    this.#setLatest.run(key, id, modRevision, createRevision, version, lease);
    if (isDeletion(entry)) this.#recent.forget(byteString(key));
    else this.#recent.keep(change, false);
  }

  leasedKeys(lease: bigint): Uint8Array[] {
    return this.#leasedKeys.all(leaseToColumn(lease)).map((row) => bytes(columnsOf(row)[0]));
  }
}

function entryOf(columns: readonly unknown[], value: Uint8Array): Entry {
  return {
    key: bytes(columns[0]),
    value,
    modRevision: integer(columns[1]),
    createRevision: integer(columns[2]),
    version: integer(columns[3]),
    lease: leaseFromColumn(columns[4]),
  };
}

function changeOf(row: unknown): Change {
  const columns = columnsOf(row);
  return {
    id: integer(columns[6]),
    entry: entryOf(columns, bytes(columns[5])),
    previousId: integer(columns[7]),
  };
}
