import type { DatabaseSync, StatementSync } from "node:sqlite";
import { etcdError } from "../errors.ts";
import { columnsOf, integer } from "./columns.ts";

/** How much of the data file is used, and whether there is room for more. */
export class Space {
  readonly #quotaBytes: number;
  readonly #pages: StatementSync;
  readonly #free: StatementSync;
  readonly #pageSize: number;
  #full = false;

  constructor(db: DatabaseSync, quotaBytes: number) {
    this.#quotaBytes = quotaBytes;
    this.#pages = db.prepare("PRAGMA page_count");
    this.#free = db.prepare("PRAGMA freelist_count");
    this.#pageSize = integer(columnsOf(db.prepare("PRAGMA page_size").get())[0]);
    this.look();
  }

  /** After every commit. */
  look(): void {
    this.#full = this.used() >= this.#quotaBytes;
  }

  /** Bytes; what compaction and deletes have freed is not counted, whether or not the file has shrunk. */
  used(): number {
    return (pragma(this.#pages) - pragma(this.#free)) * this.#pageSize;
  }

  /**
   * Throws `noSpace` if the quota is used up. Deletes and compaction are always let through: they are the way out, and the
   * refusal ends when they have made room.
   */
  require(): void {
    if (this.#full) throw etcdError("noSpace");
  }
}

function pragma(statement: StatementSync): number {
  return integer(columnsOf(statement.get())[0]);
}
