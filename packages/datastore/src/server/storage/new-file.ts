import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SCHEMA, SHRINKABLE } from "./schema.ts";

/**
 * Built aside and linked into place whole, so that a crash leaves either no file or a good one, and of two processes that
 * do it at once the second finds the first's.
 */
export function createDataFile(path: string): void {
  let workshop: string | undefined;
  try {
    workshop = mkdtempSync(join(dirname(path), ".ocicat-new-"));
    const draft = join(workshop, "data");
    closeSync(openSync(draft, "wx", 0o600));
    const db = new DatabaseSync(draft);
    db.exec(`${SHRINKABLE}; PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE`);
    db.exec(SCHEMA);
    const insert = db.prepare("INSERT INTO meta (name, value) VALUES (?, ?)");
    insert.run("cluster_id", randomId());
    insert.run("member_id", randomId());
    db.exec("COMMIT");
    db.close();
    linkSync(draft, path);
    syncDirectory(dirname(path));
  } catch (error) {
    // Somebody else's is as good.
    if (!existsSync(path)) throw error;
  } finally {
    if (workshop !== undefined) rmSync(workshop, { recursive: true, force: true });
  }
}

function randomId(): string {
  return randomBytes(8).readBigUInt64BE().toString();
}

/** Brings the names in a directory to the disk. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
