import { statSync } from "node:fs";
import { join } from "node:path";
import { openEtcd } from "@ocicat/datastore/etcd";
import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Maintenance } from "../../src/proto/rpc_pb.ts";
import { TestClient } from "./support/client.ts";
import { startServerProcess, temporaryDirectory } from "./support/processes.ts";

/** Nobody who asks meanwhile waits longer, in milliseconds; on a quiet machine it is below 50. */
const LONGEST_STALL_MS = 400;
const KEYS = 2_000;
const KEPT = 200;
const VALUE = "x".repeat(20_000);

let scope: Scope;
beforeEach(() => {
  scope = new Scope("defragment");
});
afterEach(() => scope.close());

it("defragmentation makes the file as small as what is in it, while reads and writes go on", async () => {
  const directory = temporaryDirectory(scope);
  const [dataFile, socket] = [join(directory, "data"), join(directory, "socket")];
  await startServerProcess(scope, dataFile, socket);
  const store = openEtcd({ endpoints: [`unix://${socket}`] });
  scope.add("store", () => store.close());
  const client = new TestClient({ path: socket });
  scope.add("client", () => client.close());

  const key = (index: number) => `/key/${index}`;
  const all = Array.from({ length: KEYS }, (_, index) => key(index));
  for (let at = 0; at < KEYS; at += 50) {
    await store.commit({ compares: [], operations: all.slice(at, at + 50).map((put) => ({ put, value: VALUE })) });
  }
  // What stays lies far apart: the end of the file has to be moved.
  const doomed = all.filter((_, index) => index % (KEYS / KEPT) !== 0 && index !== KEYS - 1);
  for (let at = 0; at < doomed.length; at += 100) {
    await store.commit({ compares: [], operations: doomed.slice(at, at + 100).map((name) => ({ delete: name })) });
  }
  await store.compact((await store.list("/", { limit: 1 })).revision);
  const status = () => client.call(Maintenance.method.status, {});
  await expect.poll(async () => Number((await status()).dbSizeInUse)).toBeLessThan(2 * KEPT * VALUE.length);
  const before = statSync(dataFile).size;
  expect(before).toBeGreaterThan((KEYS * VALUE.length) / 2);

  const asker = new TestClient({ path: socket });
  scope.add("asker", () => asker.close());
  const other = openEtcd({ endpoints: [`unix://${socket}`] });
  scope.add("other", () => other.close());
  let over = false;
  let longest = 0;
  let served = 0;
  const asking = (async () => {
    while (!over) {
      const begun = performance.now();
      if (served++ % 2 === 0) expect((await other.get(key(KEYS - 1)))?.value).toBe(VALUE);
      else await other.put("/written/meanwhile", `${served}`);
      longest = Math.max(longest, performance.now() - begun);
    }
  })();
  await expect.poll(() => served).toBeGreaterThan(2);
  const servedBefore = served;
  await client.call(Maintenance.method.defragment, {});
  over = true;
  await asking;

  const after = statSync(dataFile).size;
  expect(after).toBeLessThan(before / 5);
  expect(served - servedBefore).toBeGreaterThan(2);
  expect(longest).toBeLessThan(LONGEST_STALL_MS);
  const { items } = await store.list("/key/");
  expect(items.map((item) => item.key).sort()).toEqual(all.filter((name) => !doomed.includes(name)).sort());
  expect(items.every(({ value }) => value === VALUE)).toBe(true);
});
