import type { DatabaseSync, StatementSync } from "node:sqlite";
import { bytes, columnsOf, integer, leaseFromColumn, leaseToColumn } from "./columns.ts";
import type { Change } from "./entry.ts";

const COLUMNS = "key, revision, created, version, lease, value, id, previous";

/** Every write that compaction has left, in order: all that is kept of keys. */
export class HistoryTable {
  readonly #all: StatementSync;
  readonly #one: StatementSync;
  readonly #from: StatementSync;
  readonly #value: StatementSync;
  readonly #nextPlace: StatementSync;
  readonly #add: StatementSync;
  readonly #removeFrom: StatementSync;

  constructor(db: DatabaseSync) {
    this.#all = db.prepare(`SELECT ${COLUMNS.replace("value", "x'' AS value")} FROM history ORDER BY id`);
    this.#one = db.prepare(`SELECT ${COLUMNS} FROM history WHERE id = ?`);
    this.#from = db.prepare(`SELECT ${COLUMNS} FROM history WHERE id >= ? ORDER BY id`);
    this.#value = db.prepare("SELECT value FROM history WHERE id = ?");
    this.#nextPlace = db.prepare("SELECT id, revision FROM history WHERE id >= ? ORDER BY id LIMIT 1");
    this.#add = db.prepare(`INSERT INTO history (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#removeFrom = db.prepare("DELETE FROM history WHERE id >= ?");
  }

  /** Without the values, which may be much. */
  *all(): Generator<Change, void, undefined> {
    for (const row of this.#all.iterate()) yield changeOf(row);
  }

  /** Undefined if compaction has taken it. */
  get(id: number): Change | undefined {
    const row = this.#one.get(id);
    return row === undefined ? undefined : changeOf(row);
  }

  /** Of a write that is there. */
  value(id: number): Uint8Array {
    return bytes(columnsOf(this.#value.get(id))[0]);
  }

  /** From a place on. Take what is needed and stop: the statement is free again when the iteration ends. */
  *from(id: number): Generator<Change, void, undefined> {
    for (const row of this.#from.iterate(id)) yield changeOf(row);
  }

  /** The first write at or after a place. */
  placeFrom(id: number): { readonly id: number; readonly revision: number } | undefined {
    const row = this.#nextPlace.get(id);
    if (row === undefined) return undefined;
    const [found, revision] = columnsOf(row);
    return { id: integer(found), revision: integer(revision) };
  }

  add({ id, entry, previousId }: Change): void {
    const { key, value, modRevision, createRevision, version } = entry;
    this.#add.run(key, modRevision, createRevision, version, leaseToColumn(entry.lease), value, id, previousId);
  }

  /** What was written at a place or after it, as if it had not been. */
  removeFrom(id: number): void {
    this.#removeFrom.run(id);
  }
}

function changeOf(row: unknown): Change {
  const [key, revision, created, version, lease, value, id, previous] = columnsOf(row);
  return {
    id: integer(id),
    entry: {
      key: bytes(key),
      value: bytes(value),
      modRevision: integer(revision),
      createRevision: integer(created),
      version: integer(version),
      lease: leaseFromColumn(lease),
    },
    previousId: integer(previous),
  };
}
