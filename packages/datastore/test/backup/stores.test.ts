import { join } from "node:path";
import { readBackup, restoreBackup, saveBackup } from "@ocicat/datastore/backup";
import { type EtcdDatastore, openEtcd } from "@ocicat/datastore/etcd";
import { Scope } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryDirectory } from "../server/support/processes.ts";
import { BACKENDS } from "../support/backends.ts";

/** More than two pages, so that a picture takes several calls. */
const PAIRS = 1_300;
const taken = new Date("2026-11-21T12:00:00Z");
const scope = new Scope("backup of stores");
const stores = new Map<string, EtcdDatastore>();

beforeAll(async () => {
  for (const [name, start] of BACKENDS) {
    for (const role of ["from", "into"]) {
      const store = openEtcd({ endpoints: [await start(scope)] });
      scope.add("client", () => store.close());
      stores.set(`${name} ${role}`, store);
    }
  }
});
afterAll(() => scope.close());

function storeOf(name: string): EtcdDatastore {
  const store = stores.get(name);
  if (store === undefined) throw new Error(`no store ${name}`);
  return store;
}

/** Two keys that are always equal, far apart in the list. */
const pair = (index: number) => [`/left/${index}`, `/right/${index}`] as const;
async function writePairs(store: EtcdDatastore, from: number, value: string): Promise<void> {
  const operations = Array.from({ length: 50 }, (_, index) => pair((from + index) % PAIRS))
    .flat()
    .map((put) => ({ put, value }));
  await store.commit({ compares: [], operations });
}

describe.each(BACKENDS)("a backup of %s", (source) => {
  it("is of one revision, whatever is written and compacted while it is taken", async () => {
    const store = storeOf(`${source} from`);
    for (let from = 0; from < PAIRS; from += 50) await writePairs(store, from, "first");
    let writing = true;
    let round = 0;
    const writer = (async () => {
      for (; writing; round++) {
        await writePairs(store, round * 50, `round ${round}`);
        if (round % 20 === 0) await store.compact((await store.list("/left/0", { limit: 1 })).revision);
      }
    })();
    const file = join(temporaryDirectory(scope), "backup");
    const rounds: number[] = [];
    for (let times = 0; times < 5; times++) {
      const before = round;
      await saveBackup(store, file, { taken, overwrite: true }).catch((error: unknown) => {
        // Compacted under the picture three times in a row: said so, and no file is left half-written.
        expect(error).toMatchObject({ code: "COMPACTED" });
      });
      rounds.push(round - before);
    }
    writing = false;
    await writer;
    expect(Math.max(...rounds)).toBeGreaterThan(0);
    const { items } = await readBackup(file);
    const values = new Map(items.map(({ key, value }) => [key, value]));
    expect(values.size).toBe(PAIRS * 2);
    for (let index = 0; index < PAIRS; index++) {
      const [left, right] = pair(index);
      expect(values.get(left)).toBe(values.get(right));
    }
  });

  it.each(BACKENDS)("put back into %s is the same there", async (target) => {
    const [from, into] = [storeOf(`${source} from`), storeOf(`${target} into`)];
    await into.put("/left/0", "other");
    await into.put("/stray", "x");
    const file = join(temporaryDirectory(scope), "backup");
    const { keys } = await saveBackup(from, file, { taken });
    const backup = await readBackup(file);
    await expect(restoreBackup(into, backup)).rejects.toMatchObject({ code: "RESTORE_NOT_EMPTY" });
    const report = await restoreBackup(into, backup, { replace: true });
    expect(report.created + report.changed + report.same).toBe(keys);
    const contents = async (store: EtcdDatastore) => (await store.list("")).items.map(({ key, value }) => [key, value]);
    expect(await contents(into)).toEqual(await contents(from));
  });
});
