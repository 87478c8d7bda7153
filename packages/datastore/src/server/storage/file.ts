import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ServerError } from "../errors.ts";
import { columnsOf, integer, text } from "./columns.ts";
import { LogFlush } from "./log-flush.ts";
import { createDataFile, syncDirectory } from "./new-file.ts";
import { APPLICATION_ID, FORMAT, SHRINKABLE, UPGRADES } from "./schema.ts";
import { SQLITE, sqliteCode } from "./sqlite-errors.ts";

export interface DataFile {
  readonly path: string;
  readonly db: DatabaseSync;
  readonly log: LogFlush;
  /** Bytes on disk, the write-ahead log included. */
  size(): number;
  close(): void;
}

/**
 * Files this process serves, by device and inode. SQLite's locks are POSIX locks: they do not keep a process from itself,
 * and closing *any* descriptor of the file, as checkHeader does, would drop them.
 */
const served = new Set<string>();

/**
 * Opens the data file, making it if it does not exist, and keeps it to this process until closed. Throws ServerError;
 * a file that is not ours, or damaged, is left as it is.
 */
export function openDataFile(path: string): DataFile {
  if (!exists(path)) make(path);
  const identity = identify(path);
  if (served.has(identity)) throw inUse(path);
  checkHeader(path);
  const { db, log } = open(path);
  served.add(identity);
  return {
    path,
    db,
    log,
    size: () => sizeOf(path) + sizeOf(`${path}-wal`),
    close() {
      log.close();
      db.close();
      served.delete(identity);
    },
  };
}

/** A log without its file holds writes nobody may lose, and would be taken for the new file's. */
function make(path: string): void {
  if (exists(`${path}-wal`)) {
    throw new ServerError("DATA_FILE_DAMAGED", "the file is gone, but its log is there", {
      where: path,
      fix: `put the file back beside ${path}-wal, or move that away to begin with an empty store`,
    });
  }
  try {
    createDataFile(path);
  } catch (error) {
    throw explain(error, path);
  }
}

function open(path: string): { readonly db: DatabaseSync; readonly log: LogFlush } {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0, returnArrays: true });
    configure(db);
    checkIntegrity(db, path);
    upgrade(db);
    // The log has just been made: its name must be on the disk before anything in it counts.
    syncDirectory(dirname(path));
    return { db, log: new LogFlush(`${path}-wal`) };
  } catch (error) {
    if (db?.isOpen === true) db.close();
    throw explain(error, path);
  }
}

/**
 * Read without SQLite, which would begin by repairing what it takes for its own. The first 100 bytes of an SQLite file:
 *
 *     0                16        60             64      68               72      100
 *     +----------------+----…----+--------------+--…----+----------------+--…----+
 *     | magic, 16 byte |         | user version |       | application id |       |     big-endian
 *     +----------------+----…----+--------------+--…----+----------------+--…----+
 */
function checkHeader(path: string): void {
  const header = Buffer.alloc(100);
  try {
    const fd = openSync(path, "r+");
    try {
      if (!fstatSync(fd).isFile()) throw new ServerError("DATA_FILE_UNUSABLE", "not a regular file", { where: path });
      readSync(fd, header, 0, header.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw explain(error, path);
  }
  const magic = header.toString("latin1", 0, 16) === "SQLite format 3\0";
  if (!magic || header.readUInt32BE(68) !== APPLICATION_ID) {
    throw new ServerError("DATA_FILE_FOREIGN", "the file was not written by this server", {
      where: path,
      why: magic ? "it is an SQLite database with another application id" : "it does not begin as ours do",
      fix: "give another path, or move the file away to begin with an empty store",
    });
  }
  const format = header.readUInt32BE(60);
  if (format > FORMAT) {
    throw new ServerError("DATA_FILE_TOO_NEW", `the file has format ${format}; this version knows up to ${FORMAT}`, {
      where: path,
      fix: "run the version that wrote it, or a later one",
    });
  }
}

/**
 * - Exclusive locking: one process a file (the kernel drops the lock with the process, however it dies), and no shared
 *   memory file nor a lock call per statement.
 * - WAL: COMMIT appends to the log. Bringing that to the disk is left to us (log-flush.ts) by synchronous NORMAL, under
 *   which SQLite itself flushes what keeps the file whole: the log before it is copied, the file before the log is reused.
 * - No checkpoint inside COMMIT: checkpoint.ts chooses the moment.
 */
function configure(db: DatabaseSync): void {
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  const mode = columnsOf(db.prepare("PRAGMA journal_mode = WAL").get())[0];
  if (mode !== "wal") throw new Error(`SQLite chose journal mode ${String(mode)} where WAL is needed`);
  db.exec(`PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192;
           PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF`);
  // The lock is taken by the first transaction that writes; a start must find out now.
  db.exec("BEGIN IMMEDIATE; COMMIT");
}

function checkIntegrity(db: DatabaseSync, path: string): void {
  const finding = text(columnsOf(db.prepare("PRAGMA quick_check(1)").get())[0]);
  if (finding !== "ok") throw damaged(path, finding);
}

/** A file that an earlier version wrote. Ends like a crash if it is interrupted: the next start finds either format whole. */
function upgrade(db: DatabaseSync): void {
  const format = integer(columnsOf(db.prepare("PRAGMA user_version").get())[0]);
  for (let from = format; from < FORMAT; from++) {
    if (from === 1) db.exec(`${SHRINKABLE}; VACUUM`);
    const steps = UPGRADES[from];
    if (steps === undefined) throw new Error(`no way leads on from format ${from}`);
    db.exec(steps);
  }
}

function damaged(path: string, why: string, cause?: unknown): ServerError {
  return new ServerError("DATA_FILE_DAMAGED", "the file is damaged", {
    where: path,
    why,
    fix:
      "restore it from a backup; or save what can be read with `sqlite3 FILE .recover`, and move FILE, FILE-wal away to " +
      "begin with an empty store",
    cause,
  });
}

function inUse(path: string, cause?: unknown): ServerError {
  return new ServerError("DATA_FILE_IN_USE", "another server has the file open", {
    where: path,
    fix: "stop it, or give this server a data file of its own",
    cause,
  });
}

/** Any failure of opening, as what the operator can act on. */
function explain(error: unknown, path: string): ServerError {
  if (error instanceof ServerError) return error;
  const why = error instanceof Error ? error.message : String(error);
  switch (sqliteCode(error)) {
    case SQLITE.BUSY:
      return inUse(path, error);
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return damaged(path, why, error);
    default:
      return new ServerError("DATA_FILE_UNUSABLE", "the file cannot be opened", {
        where: path,
        why,
        fix: `see that the directory ${dirname(path)} exists, has space, and is writable by this user`,
        cause: error,
      });
  }
}

function identify(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
