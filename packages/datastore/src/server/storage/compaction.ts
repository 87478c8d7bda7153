import type { StatementSync } from "node:sqlite";
import { bytes, columnsOf, integer } from "./columns.ts";
import type { Store } from "./store.ts";

/** Rows looked at in one slice: a millisecond or two. */
const SLICE = 500;

/**
 * Takes from the file what compaction has made unreadable. A write at or below the compact revision superseded the row
 * its `previous` names, and a deletion below it is not worth keeping itself; so one pass over the rows written since the
 * last pass finds everything, whatever the size of the store. The rows of the compact revision itself stay (a watch may
 * begin there) and are looked at again next time.
 */
export class Scavenger {
  readonly #store: Store;
  readonly #sliceEnd: StatementSync;
  readonly #takeSuperseded: StatementSync;
  readonly #deletions: StatementSync;
  readonly #takeDeletions: StatementSync;
  /** History up to here is done for good, whatever the next compact revision. */
  #finished: number;
  /** The pass under way: for which compact revision, and how far it is. */
  #pass: { readonly target: number; readonly position: number } | undefined;

  constructor(store: Store) {
    const { db } = store.file;
    this.#store = store;
    this.#finished = store.meta.number("scavenged_id");
    this.#sliceEnd = db.prepare(
      `SELECT count(*), max(id) FROM
         (SELECT id, revision FROM history WHERE id > ? ORDER BY id LIMIT ${SLICE}) WHERE revision <= ?`,
    );
    this.#takeSuperseded = db.prepare(
      "DELETE FROM history WHERE id IN (SELECT previous FROM history WHERE id > ? AND id <= ?) AND revision < ?",
    );
    const deletions = "history WHERE id > ? AND id <= ? AND version = 0 AND revision < ?";
    this.#deletions = db.prepare(`SELECT key, id FROM ${deletions}`);
    this.#takeDeletions = db.prepare(`DELETE FROM ${deletions}`);
  }

  /** One bounded step; false if nothing was left to do. */
  slice(): boolean {
    const target = this.#store.compactRevision;
    const pass = this.#pass?.target === target ? this.#pass : { target, position: this.#finished };
    const from = pass.position;
    const [rows, last] = columnsOf(this.#sliceEnd.get(from, target));
    if (integer(rows) === 0) {
      this.#pass = pass;
      return false;
    }
    const to = integer(last);
    const finished = Math.max(this.#finished, Math.min(to, this.#store.firstIdOf(target) - 1));
    const deletions = this.#deletions.all(from, to, target).map(columnsOf);
    this.#store.maintain(() => {
      this.#takeSuperseded.run(from, to, target);
      this.#takeDeletions.run(from, to, target);
      this.#store.meta.set("scavenged_id", finished.toString());
    });
    for (const [key, id] of deletions) this.#store.forget(bytes(key), integer(id));
    this.#finished = finished;
    this.#pass = { target, position: to };
    return true;
  }
}
