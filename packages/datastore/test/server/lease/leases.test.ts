import { Scope, silentLogger, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GroupCommit } from "../../../src/server/commit/group-commit.ts";
import { Leases } from "../../../src/server/lease/leases.ts";
import type { Store } from "../../../src/server/storage/store.ts";
import { bytes, openStore, text } from "../support/store.ts";

let scope: Scope;
let clock: TestClock;
let store: Store;
let commits: GroupCommit;
let leases: Leases;
let deleted: string[][];
let onDeleted: (() => void) | undefined;

beforeEach(() => {
  scope = new Scope("leases");
  clock = new TestClock();
  store = openStore(scope);
  deleted = [];
  commits = new GroupCommit({
    store,
    logger: silentLogger,
    flush: (done) => done(undefined),
    durable({ changes }) {
      const keys = changes.filter(({ entry }) => entry.version === 0).map(({ entry }) => text(entry.key));
      if (keys.length === 0) return;
      deleted.push(keys);
      onDeleted?.();
    },
    full: () => {},
    failed: (error) => {
      throw error;
    },
  });
  scope.add("commits", () => commits.stop());
  leases = start();
});
afterEach(() => scope.close());

function start(): Leases {
  const started = new Leases({ store, commits, clock, logger: silentLogger });
  scope.add("leases", () => started.close());
  return started;
}
const put = (key: string, lease: bigint) => commits.submit((writer) => writer.put(bytes(key), bytes(""), lease));
const seconds = (count: number) => clock.advance(count * 1000);
async function deletions(count: number): Promise<string[][]> {
  while (deleted.length < count) await new Promise<void>((resolve) => (onDeleted = resolve));
  return deleted;
}

describe("a lease", () => {
  it("left alone runs out, and takes its keys along at one revision", async () => {
    const { id } = await leases.grant(10n, 0n);
    await Promise.all([put("b", id), put("a", id), put("c", 0n)]);
    const before = store.revision;
    seconds(9);
    expect(leases.timeToLive(id)).toEqual({ remaining: 1, granted: 10 });
    seconds(2);
    expect(leases.timeToLive(id)).toBeUndefined();
    expect(await deletions(1)).toEqual([["a", "b"]]);
    expect(store.revision).toBe(before + 1);
    expect(store.leases.all()).toEqual([]);
  });

  it("kept alive lives on, each time for its full time", async () => {
    const { id } = await leases.grant(10n, 7n);
    for (let round = 0; round < 5; round++) {
      seconds(8);
      expect(leases.keepAlive(id)).toBe(10);
    }
    expect(leases.ids()).toEqual([7n]);
    seconds(11);
    expect(leases.keepAlive(id)).toBeUndefined();
    expect(leases.ids()).toEqual([]);
  });

  it("has its full time again after a restart", async () => {
    await leases.grant(10n, 7n);
    seconds(9);
    leases.close();
    leases = start();
    seconds(9);
    expect(leases.timeToLive(7n)).toEqual({ remaining: 1, granted: 10 });
  });

  it("that ran out while nobody served is found when somebody does", async () => {
    await leases.grant(10n, 7n);
    await put("a", 7n);
    leases.close();
    seconds(1000);
    expect(deleted).toEqual([]);
    leases = start();
    seconds(11);
    expect(await deletions(1)).toEqual([["a"]]);
  });

  it("revoked is gone with its keys, and cannot be revoked or kept alive again", async () => {
    await leases.grant(10n, 7n);
    await put("a", 7n);
    await leases.revoke(7n);
    expect(deleted).toEqual([["a"]]);
    expect(leases.keepAlive(7n)).toBeUndefined();
    await expect(leases.revoke(7n)).rejects.toThrow("etcdserver: requested lease not found");
  });

  it("loses a key that is put again without it, or with another", async () => {
    await leases.grant(10n, 7n);
    await leases.grant(100n, 8n);
    for (const key of ["a", "b", "c"]) await put(key, 7n);
    await put("a", 0n);
    await put("b", 8n);
    await leases.revoke(7n);
    expect(deleted).toEqual([["c"]]);
  });

  it("cannot be granted twice, or for longer than etcd would", async () => {
    await leases.grant(10n, 7n);
    await expect(leases.grant(10n, 7n)).rejects.toThrow("etcdserver: lease already exists");
    await expect(leases.grant(9_000_000_001n, 0n)).rejects.toThrow("etcdserver: too large lease TTL");
    expect((await leases.grant(9_000_000_000n, 0n)).ttlSeconds).toBe(9_000_000_000);
    expect((await leases.grant(-5n, 0n)).ttlSeconds).toBe(1);
  });

  it("outlives one granted after it that is shorter", async () => {
    await leases.grant(100n, 7n);
    await leases.grant(5n, 8n);
    await put("short", 8n);
    await put("long", 7n);
    seconds(6);
    expect(await deletions(1)).toEqual([["short"]]);
    seconds(95);
    expect(await deletions(2)).toEqual([["short"], ["long"]]);
  });
});
