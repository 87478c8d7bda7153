import type { DatabaseSync, StatementSync } from "node:sqlite";
import { columnsOf, text } from "./columns.ts";

export type MetaName =
  | "cluster_id"
  | "member_id"
  /** How often the file was opened: what answers carry as raft term, since each start is a leader anew. */
  | "starts"
  | "compact_revision"
  /** "1": callers must say who they are (auth/). */
  | "auth_enabled"
  /** History up to this place holds nothing that compaction would still take. */
  | "scavenged_id";

/** The few facts about the store as a whole. */
export class MetaTable {
  readonly #get: StatementSync;
  readonly #set: StatementSync;

  constructor(db: DatabaseSync) {
    this.#get = db.prepare("SELECT value FROM meta WHERE name = ?");
    this.#set = db.prepare(
      "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
  }

  /** "0" if it was never set. */
  get(name: MetaName): string {
    const row = this.#get.get(name);
    return row === undefined ? "0" : text(columnsOf(row)[0]);
  }

  number(name: MetaName): number {
    return Number(this.get(name));
  }

  set(name: MetaName, value: string): void {
    this.#set.run(name, value);
  }
}
