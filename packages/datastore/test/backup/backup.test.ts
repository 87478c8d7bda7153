import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseBackup, readBackup, restoreBackup, saveBackup } from "@ocicat/datastore/backup";
import { Scope, seededRandom, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Datastore, DatastoreError, MemoryDatastore } from "../../src/index.ts";
import { temporaryDirectory } from "../server/support/processes.ts";

/** The file and the rules of putting it back, over memory; real stores are in stores.test.ts. */
const taken = new Date("2026-11-21T12:00:00Z");
let scope: Scope;
let directory: string;
let file: string;
let store: Datastore;

beforeEach(() => {
  scope = new Scope("backup");
  directory = temporaryDirectory(scope);
  file = join(directory, "backup");
  store = new MemoryDatastore({ clock: new TestClock() });
});
afterEach(() => scope.close());

const contents = async (of: Datastore) => (await of.list("")).items.map(({ key, value }) => [key, value]);
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "done",
    (error: unknown) => (error instanceof Error && "code" in error ? error.code : String(error)),
  );

/** The n-th commit is not made: what it is refused with is thrown. */
function failingAt(target: Datastore, number: number, fail: () => Promise<void>): Datastore {
  let commits = 0;
  return new Proxy(target, {
    get(inner, name) {
      if (name !== "commit") {
        const member: unknown = Reflect.get(inner, name);
        return typeof member === "function" ? member.bind(inner) : member;
      }
      return async (...args: Parameters<Datastore["commit"]>) => {
        commits += 1;
        if (commits === number) await fail();
        return await inner.commit(...args);
      };
    },
  });
}

describe("a backup", () => {
  it("is readable text with a head, a line a key and a checksum, for this user alone", async () => {
    await store.put("/a", '{"x":1}');
    await store.put("/b", "zwei\nZeilen – \u2028 \u{1f408}");
    expect(await saveBackup(store, file, { taken })).toEqual({ keys: 2, leased: 0, revision: 3n });
    const lines = readFileSync(file, "utf8").split("\n");
    expect(lines.slice(0, 3)).toEqual([
      '{"ocicat":"datastore backup","format":1,"prefix":"","revision":"3","taken":"2026-11-21T12:00:00.000Z"}',
      '{"key":"/a","value":"{\\"x\\":1}"}',
      '{"key":"/b","value":"zwei\\nZeilen – \u2028 \u{1f408}"}',
    ]);
    expect(lines.slice(3)).toEqual([expect.stringMatching(/^\{"keys":2,"leased":0,"sha256":"[0-9a-f]{64}"\}$/), ""]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["backup"]);
    const back = new MemoryDatastore();
    expect(await restoreBackup(back, await readBackup(file))).toEqual({ created: 2, changed: 0, deleted: 0, same: 0 });
    expect(await contents(back)).toEqual(await contents(store));
  });

  it("leaves out what lives by a lease, and says how much", async () => {
    const lease = await store.grantLease(60);
    await store.put("/lock", "me", { lease });
    await store.put("/a", "1");
    expect(await saveBackup(store, file, { taken })).toMatchObject({ keys: 1, leased: 1 });
    // And putting it back leaves others' alone.
    await store.put("/a", "2");
    expect(await restoreBackup(store, await readBackup(file), { replace: true })).toMatchObject({ changed: 1 });
    expect(await contents(store)).toEqual([
      ["/a", "1"],
      ["/lock", "me"],
    ]);
  });

  it("of a prefix is of that alone, both ways", async () => {
    for (const key of ["/a/1", "/b/1", "/c"]) await store.put(key, "x");
    expect(await saveBackup(store, file, { taken, prefix: "/b/" })).toMatchObject({ keys: 1 });
    await store.put("/b/2", "new");
    expect(await restoreBackup(store, await readBackup(file), { replace: true })).toMatchObject({
      deleted: 1,
      same: 1,
    });
    expect((await contents(store)).map(([key]) => key)).toEqual(["/a/1", "/b/1", "/c"]);
  });

  it("does not take a file's place unless told to, and leaves nothing where it cannot be written", async () => {
    await store.put("/a", "1");
    writeFileSync(file, "precious");
    expect(await codeOf(saveBackup(store, file, { taken }))).toBe("BACKUP_EXISTS");
    expect(readFileSync(file, "utf8")).toBe("precious");
    await saveBackup(store, file, { taken, overwrite: true });
    expect((await readBackup(file)).items).toEqual([{ key: "/a", value: "1" }]);
    expect(await codeOf(saveBackup(store, join(directory, "none", "b"), { taken }))).toBe("BACKUP_UNWRITABLE");
    await store.close();
    expect(await codeOf(saveBackup(store, join(directory, "b"), { taken }))).toBe("CLOSED");
    expect(readdirSync(directory)).toEqual(["backup"]);
  });

  it("is refused whole, whatever byte of it is missing or another", async () => {
    for (let index = 0; index < 20; index++) await store.put(`/key/${index}`, `value ${index}`);
    await saveBackup(store, file, { taken });
    const whole = readFileSync(file);
    const random = seededRandom(7);
    const outcome = (bytes: Buffer) => {
      try {
        parseBackup(bytes, "f");
        return "taken";
      } catch (error) {
        return error instanceof Error && "code" in error ? error.code : String(error);
      }
    };
    expect(outcome(whole)).toBe("taken");
    const tally = new Map<unknown, number>();
    for (let length = 0; length < whole.length; length++) {
      const code = outcome(whole.subarray(0, length));
      tally.set(code, (tally.get(code) ?? 0) + 1);
    }
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ (1 << (random.uint32() % 8));
      const code = outcome(changed);
      tally.set(code, (tally.get(code) ?? 0) + 1);
    }
    expect(outcome(Buffer.concat([whole, Buffer.from("\n")]))).toBe("BACKUP_DAMAGED");
    tally.delete("BACKUP_TOO_NEW");
    expect([...tally.keys()].sort()).toEqual(["BACKUP_DAMAGED", "BACKUP_FOREIGN"]);
    expect(outcome(Buffer.from(whole.toString().replace('"format":1', '"format":2')))).toBe("BACKUP_TOO_NEW");
    expect(tally.get("BACKUP_DAMAGED")).toBeGreaterThan(whole.length);
    for (const other of ["", "hello\n", "{}\n", "SQLite format 3\0"]) {
      expect(outcome(Buffer.from(other))).toBe("BACKUP_FOREIGN");
    }
    expect(await codeOf(readBackup(join(directory, "none")))).toBe("BACKUP_UNREADABLE");
  });
});

describe("putting it back", () => {
  beforeEach(async () => {
    for (let index = 0; index < 300; index++) await store.put(`/key/${index}`, `value ${index}`);
    await saveBackup(store, file, { taken });
  });

  it("writes nothing over what differs unless told to", async () => {
    const backup = await readBackup(file);
    const other = new MemoryDatastore();
    await other.put("/key/7", "mine");
    await other.put("/mine", "too");
    const before = await other.list("");
    const error: unknown = await restoreBackup(other, backup).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "RESTORE_NOT_EMPTY" });
    expect(String(error)).toMatch(/holds 2 keys.*\/key\/7.*nothing has been written.*--replace/);
    expect(await other.list("")).toEqual(before);
    const report = await restoreBackup(other, backup, { replace: true });
    expect(report).toEqual({ created: 299, changed: 1, deleted: 1, same: 0 });
    expect(await contents(other)).toEqual(await contents(store));
    expect(await restoreBackup(other, backup)).toEqual({ created: 0, changed: 0, deleted: 0, same: 300 });
  });

  it("that was interrupted says how far it is, and goes on there", async () => {
    const backup = await readBackup(file);
    const other = new MemoryDatastore();
    const lost = failingAt(other, 2, () => Promise.reject(new DatastoreError("UNKNOWN_OUTCOME", "the line was cut")));
    const error: unknown = await restoreBackup(lost, backup).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "RESTORE_STOPPED" });
    expect(String(error)).toMatch(/stopped after 128 of 300 keys .*the line was cut.*run it again/);
    expect(await restoreBackup(other, backup)).toEqual({ created: 172, changed: 0, deleted: 0, same: 128 });
    expect(await contents(other)).toEqual(await contents(store));
  });

  it("never writes over what somebody else writes meanwhile", async () => {
    const backup = await readBackup(file);
    const other = new MemoryDatastore();
    const busy = failingAt(other, 2, async () => void (await other.put("/key/299", "theirs")));
    const error: unknown = await restoreBackup(busy, backup).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "RESTORE_DISTURBED" });
    expect(String(error)).toContain("stop the agents");
    expect(await other.get("/key/299")).toMatchObject({ value: "theirs" });
  });
});
