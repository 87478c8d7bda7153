import { Scope, silentLogger, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GroupCommit } from "../../../src/server/commit/group-commit.ts";
import { Compactor } from "../../../src/server/compaction/compactor.ts";
import { HistoryAge } from "../../../src/server/compaction/policy.ts";
import type { Store } from "../../../src/server/storage/store.ts";
import { bytes, openStore, write } from "../support/store.ts";

describe("the compaction policy", () => {
  it("lets go what is older than it keeps", () => {
    const age = new HistoryAge({ keepMs: 1000, keepRevisions: 1_000_000 });
    expect([0, 500, 900].map((now) => age.target(now, 10 + now))).toEqual(
      [-999_990, 0, 0].map((one) => Math.max(one, 0)),
    );
    expect(age.target(1000, 5000)).toBe(10);
    expect(age.target(1499, 5001)).toBe(10);
    expect(age.target(1500, 5002)).toBe(510);
    expect(age.target(9000, 5002)).toBe(5002);
  });

  it("lets go what is further back than it keeps, however young", () => {
    const age = new HistoryAge({ keepMs: 1000, keepRevisions: 100 });
    expect(age.target(0, 150)).toBe(50);
    expect(age.target(10, 900)).toBe(800);
  });
});

describe("the compactor", () => {
  let scope: Scope;
  let clock: TestClock;
  let store: Store;
  let commits: GroupCommit;
  let onCompacted: (() => void) | undefined;

  beforeEach(() => {
    scope = new Scope("compactor");
    clock = new TestClock();
    store = openStore(scope);
    commits = new GroupCommit({
      store,
      logger: silentLogger,
      flush: (done) => done(undefined),
      durable: () => onCompacted?.(),
      full: () => {},
      failed: (error) => {
        throw error;
      },
    });
    scope.add("commits", () => commits.stop());
  });
  afterEach(() => scope.close());

  function compactor(policy: { readonly keepMs: number; readonly keepRevisions: number } | "off"): Compactor {
    const made = new Compactor({ store, commits, clock, logger: silentLogger, policy, wrote: () => {} });
    scope.add("compactor", () => made.close());
    return made;
  }
  const fill = (count: number) => {
    for (let number = 0; number < count; number++)
      write(store, (writer) => writer.put(bytes("a"), bytes(`${number}`), 0n));
  };
  const rows = () => [...store.changesSince(1)].length;

  it("compacts by age, and takes the rows from the file", async () => {
    const made = compactor({ keepMs: 1000, keepRevisions: 1_000_000 });
    fill(600);
    clock.advance(100);
    fill(100);
    const compacted = new Promise<void>((resolve) => (onCompacted = resolve));
    clock.advance(1000);
    await compacted;
    expect(store.compactRevision).toBe(601);
    await made.scavenge();
    expect(rows()).toBe(101);
  });

  it("compacts by number", async () => {
    const made = compactor({ keepMs: 1_000_000, keepRevisions: 20 });
    fill(600);
    const compacted = new Promise<void>((resolve) => (onCompacted = resolve));
    clock.advance(15_000);
    await compacted;
    await made.scavenge();
    expect([store.compactRevision, rows()]).toEqual([581, 21]);
  });

  it("leaves everything to whoever compacts by hand when it is off", () => {
    compactor("off");
    fill(10);
    clock.advance(1_000_000_000);
    expect(clock.waiting()).toEqual([]);
    expect([store.compactRevision, rows()]).toEqual([0, 10]);
  });

  it("gives what compaction has freed back to the disk, others being served between two slices", async () => {
    const made = compactor("off");
    await made.scavenge();
    for (let number = 0; number < 300; number++)
      write(store, (writer) => writer.put(bytes(`${number}`), Buffer.alloc(20_000, number), 0n));
    const kept = bytes("299");
    write(store, (writer) => writer.delete({ kind: "span", start: bytes("0"), end: kept }));
    write(store, (writer) => writer.compact(store.revision));
    const pages = () => Number(Object.values(store.file.db.prepare("PRAGMA page_count").get() ?? [])[0]);
    const before = pages();
    let turns = 0;
    let over = false;
    const done = made.defragment().then(() => (over = true));
    for (; !over; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(store.entries({ kind: "one", key: kept }, { values: true })[0]?.value[0]).toBe(299 % 256);
    }
    await done;
    expect(turns).toBeGreaterThan(5);
    expect(pages()).toBeLessThan(before / 3);
  });

  it("takes up at the start what an earlier run had left in the file", async () => {
    fill(50);
    write(store, (writer) => writer.compact(40));
    expect(rows()).toBe(50);
    await compactor("off").scavenge();
    expect(rows()).toBe(12);
  });
});
