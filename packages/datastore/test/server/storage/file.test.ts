import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ServerError, type ServerErrorCode } from "../../../src/server/errors.ts";
import { openDataFile } from "../../../src/server/storage/file.ts";
import { Store } from "../../../src/server/storage/store.ts";
import { startMounts, startServerProcess, temporaryDirectory } from "../support/processes.ts";
import { bytes, write } from "../support/store.ts";

let scope: Scope;
let directory: string;
let path: string;

beforeEach(() => {
  scope = new Scope("data file");
  directory = temporaryDirectory(scope);
  path = join(directory, "data");
});
afterEach(() => scope.close());

function refusal(code: ServerErrorCode): ServerError {
  try {
    openDataFile(path).close();
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    expect(error.code).toBe(code);
    expect(error.where).toBe(path);
    expect(error.fix).toBeTypeOf("string");
    return error;
  }
  throw new Error(`expected ServerError ${code}, but the file was opened`);
}

/** A file of ours with something in it, closed. */
function makeFile(): void {
  const store = new Store(openDataFile(path));
  for (let number = 0; number < 400; number++) {
    write(store, (writer) => writer.put(bytes(`key ${number}`), bytes("value".repeat(20)), 0n));
  }
  store.close();
}

describe("the data file", () => {
  it("is made for this user alone, as is the log beside it", () => {
    const file = openDataFile(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    file.close();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it("keeps what was written after a close", () => {
    makeFile();
    const store = new Store(openDataFile(path));
    expect(store.revision).toBe(401);
    store.close();
  });

  it.each([
    ["text", (target: string) => writeFileSync(target, "precious text\n".repeat(100))],
    ["nothing, which could be anything", (target: string) => writeFileSync(target, "")],
    ["another program's SQLite database", (target: string) => makeForeignDatabase(target)],
  ])("is refused, and left as it is, if it holds %s", (_what, make) => {
    make(path);
    const before = readFileSync(path);
    expect(refusal("DATA_FILE_FOREIGN").message).toContain("move the file away");
    expect(readFileSync(path)).toEqual(before);
  });

  it("is refused if a later version wrote it", () => {
    makeFile();
    const db = new DatabaseSync(path);
    db.exec("PRAGMA user_version = 99");
    db.close();
    expect(refusal("DATA_FILE_TOO_NEW").message).toContain("format 99");
  });

  it("is refused if pages of it are damaged", () => {
    makeFile();
    const damaged = readFileSync(path);
    damaged.fill(0xa5, 4096 * 3, 4096 * 6);
    writeFileSync(path, damaged);
    expect(refusal("DATA_FILE_DAMAGED").message).toContain("backup");
    expect(readFileSync(path)).toEqual(damaged);
  });

  it("is refused if its end is missing", () => {
    makeFile();
    truncateSync(path, 4096 * 4);
    refusal("DATA_FILE_DAMAGED");
  });

  it("is not made anew beside the log of one that is gone", () => {
    const store = new Store(openDataFile(path));
    write(store, (writer) => writer.put(bytes("a"), bytes("1"), 0n));
    copyFileSync(`${path}-wal`, `${path}2-wal`);
    store.close();
    path = `${path}2`;
    expect(refusal("DATA_FILE_DAMAGED").message).toContain("put the file back");
    expect(existsSync(path)).toBe(false);
  });

  it("is refused if it is a directory, or its directory is not there", () => {
    mkdirSync(path);
    expect(refusal("DATA_FILE_UNUSABLE").message).toContain("directory");
    path = join(directory, "missing", "data");
    refusal("DATA_FILE_UNUSABLE");
  });

  it("is refused on a disk that cannot be written, and said to be so", async () => {
    makeFile();
    const before = readFileSync(path);
    const readOnly = `mount --bind ${directory} ${directory}; mount -o remount,bind,ro ${directory}`;
    const { enter } = await startMounts(scope, readOnly);
    const attempt = startServerProcess(scope, path, join(directory, "socket"), enter);
    await expect(attempt).rejects.toThrow(/DATA_FILE_UNUSABLE.*read-only.*writable by this user/s);
    expect(readFileSync(path)).toEqual(before);
  });

  it("is served by one server of a process", () => {
    const file = openDataFile(path);
    refusal("DATA_FILE_IN_USE");
    file.close();
    openDataFile(path).close();
  });

  it("is served by one process, until that one is gone", async () => {
    const { child } = await startServerProcess(scope, path, join(directory, "socket"));
    refusal("DATA_FILE_IN_USE");
    // The lock is the kernel's: it goes with the process, however that ends.
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    openDataFile(path).close();
  });

  it("copied while in use, log and all, opens as it was: what a crash leaves behind", () => {
    const store = new Store(openDataFile(path));
    write(store, (writer) => writer.put(bytes("a"), bytes("1"), 0n));
    const copy = join(directory, "copy");
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    store.close();
    const recovered = new Store(openDataFile(copy));
    expect(recovered.revision).toBe(2);
    recovered.close();
  });

  it.each([
    [1, "DROP TABLE users; DROP TABLE roles; DROP TABLE user_roles; DROP TABLE permissions; PRAGMA auto_vacuum = NONE"],
    [2, "SELECT 1"],
  ])("of format %i is made one of today's, and keeps what is in it", (format, without) => {
    makeFile();
    const old = new DatabaseSync(path);
    old.exec("CREATE TABLE latest (key BLOB PRIMARY KEY, id INTEGER NOT NULL, lease TEXT) STRICT, WITHOUT ROWID");
    old.exec("CREATE INDEX latest_by_lease ON latest (lease) WHERE lease IS NOT NULL");
    old.exec(
      `INSERT INTO latest SELECT key, id, lease FROM history; ${without}; PRAGMA user_version = ${format}; VACUUM`,
    );
    old.close();
    const store = new Store(openDataFile(path));
    expect([store.revision, store.count({ kind: "from", start: bytes("key") })]).toEqual([401, 400]);
    expect(store.auth.read()).toEqual({ enabled: false, users: new Map(), roles: new Map() });
    expect(store.file.db.prepare("PRAGMA auto_vacuum").get()).toEqual([2]);
    expect(store.file.db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'latest%'").all()).toEqual([]);
    store.close();
    expect(readFileSync(path).readUInt32BE(60)).toBe(3);
  });
});

function makeForeignDatabase(target: string): void {
  const db = new DatabaseSync(target);
  db.exec("CREATE TABLE history (id INTEGER PRIMARY KEY); INSERT INTO history VALUES (1)");
  db.close();
}
