import type { DatabaseSync, StatementSync } from "node:sqlite";
import { columnsOf, integer, text } from "./columns.ts";

export interface LeaseRow {
  readonly id: bigint;
  readonly ttlSeconds: number;
}

/**
 * Which leases exist: the truth that writes check against, in the same transaction. When each runs out is kept in memory
 * (lease/leases.ts).
 */
export class LeaseTable {
  readonly #all: StatementSync;
  readonly #get: StatementSync;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;

  constructor(db: DatabaseSync) {
    this.#all = db.prepare("SELECT id, ttl FROM leases");
    this.#get = db.prepare("SELECT 1 FROM leases WHERE id = ?");
    this.#add = db.prepare("INSERT INTO leases (id, ttl) VALUES (?, ?)");
    this.#remove = db.prepare("DELETE FROM leases WHERE id = ?");
  }

  all(): LeaseRow[] {
    return this.#all.all().map((row) => {
      const [id, ttl] = columnsOf(row);
      return { id: BigInt(text(id)), ttlSeconds: integer(ttl) };
    });
  }

  has(id: bigint): boolean {
    return this.#get.get(id.toString()) !== undefined;
  }

  add(lease: LeaseRow): void {
    this.#add.run(lease.id.toString(), lease.ttlSeconds);
  }

  remove(id: bigint): void {
    this.#remove.run(id.toString());
  }
}
