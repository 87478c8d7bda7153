import { join } from "node:path";
import { type Random, Scope, seededRandom } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { Scavenger } from "../../../src/server/storage/compaction.ts";
import { type Entry, isDeletion } from "../../../src/server/storage/entry.ts";
import { openDataFile } from "../../../src/server/storage/file.ts";
import { type KeyRange, keyRange } from "../../../src/server/storage/key-range.ts";
import { Store } from "../../../src/server/storage/store.ts";
import { temporaryDirectory } from "../support/processes.ts";
import { bytes, openStore, text, write } from "../support/store.ts";

const EVERYTHING: KeyRange = { kind: "from", start: new Uint8Array([0]) };
const SEEDS = [1, 2, 3, 4, 5];
const KEYS = ["a", "a/1", "a/2", "b", "b/1", "c"];

/** An entry in one line: what a reader can see of it. */
const line = (entry: Entry) =>
  `${text(entry.key)}=${text(entry.value)} c${entry.createRevision} m${entry.modRevision} v${entry.version} l${entry.lease}`;
const event = (entry: Entry) => (isDeletion(entry) ? `-${text(entry.key)} ${entry.modRevision}` : `+${line(entry)}`);

/** What the store should be: every state it ever had, in full, and every event. */
class Model {
  readonly states: ReadonlyMap<string, Entry>[] = [];
  readonly events: Entry[] = [];
  #now = new Map<string, Entry>();

  constructor() {
    // Revision 0 never is, revision 1 is the empty store.
    this.states.push(new Map(), new Map());
  }

  get revision(): number {
    return this.states.length - 1;
  }

  put(key: string, value: string, lease: bigint): void {
    const before = this.#now.get(key);
    const entry = {
      key: bytes(key),
      value: bytes(value),
      modRevision: this.revision + 1,
      createRevision: before?.createRevision ?? this.revision + 1,
      version: (before?.version ?? 0) + 1,
      lease,
    };
    this.#now.set(key, entry);
    this.events.push(entry);
  }

  delete(range: readonly [string, string]): void {
    for (const key of [...this.#now.keys()].toSorted()) {
      if (key < range[0] || key >= range[1]) continue;
      this.#now.delete(key);
      const modRevision = this.revision + 1;
      this.events.push({ key: bytes(key), value: bytes(""), modRevision, createRevision: 0, version: 0, lease: 0n });
    }
  }

  /** Takes a revision if anything was written since the last. */
  commit(): void {
    if (this.events.at(-1)?.modRevision !== this.revision + 1) return;
    this.states.push(this.#now);
    this.#now = new Map(this.#now);
  }

  linesAt(revision: number): string[] {
    return [...(this.states[revision]?.values() ?? [])].toSorted((a, b) => Buffer.compare(a.key, b.key)).map(line);
  }
}

/** The same random request to both. */
function step(random: Random, store: Store, model: Model): void {
  const below = (bound: number) => random.uint32() % bound;
  const key = () => KEYS[below(KEYS.length)] ?? "a";
  write(store, (writer) => {
    for (let writes = below(3); writes >= 0; writes--) {
      if (below(4) > 0) {
        const [target, value, lease] = [key(), `${below(1000)}`, BigInt(below(2)) << 62n];
        writer.put(bytes(target), bytes(value), lease);
        model.put(target, value, lease);
      } else {
        const [start, end] = [key(), key()];
        writer.delete(keyRange(bytes(start), bytes(end)));
        model.delete([start, end]);
      }
    }
  });
  model.commit();
}

/** Everything that may be asked, from a revision on, is as the model has it. */
function expectAlike(store: Store, model: Model, from: number): void {
  expect(store.revision).toBe(model.revision);
  expect(store.entries(EVERYTHING, { values: true }).map(line)).toEqual(model.linesAt(model.revision));
  for (let revision = from; revision <= model.revision; revision++) {
    const lines = model.linesAt(revision);
    expect(store.entriesAt(EVERYTHING, revision).map(line), `at revision ${revision}`).toEqual(lines);
    expect(store.entriesAt(EVERYTHING, revision, 2).map(line)).toEqual(lines.slice(0, 2));
    expect(store.countAt(EVERYTHING, revision)).toBe(lines.length);
    const events = model.events.filter((entry) => entry.modRevision >= revision).map(event);
    expect([...store.changesSince(revision)].map((change) => event(change.entry))).toEqual(events);
  }
}

describe("a store", () => {
  it.each(SEEDS)("shows every revision as it was, also after compaction and reopening (seed %i)", async (seed) => {
    await using scope = new Scope("store");
    const path = join(temporaryDirectory(scope), "data");
    const random = seededRandom(seed);
    const model = new Model();
    let store = new Store(openDataFile(path));
    scope.add("store", () => store.close());

    let compacted = 1;
    for (let round = 0; round < 6; round++) {
      for (let request = 0; request < 25; request++) step(random, store, model);
      expectAlike(store, model, compacted);

      compacted += random.uint32() % (model.revision - compacted + 1);
      if (compacted > store.compactRevision) write(store, (writer) => writer.compact(compacted));
      expectAlike(store, model, compacted);
      const scavenger = new Scavenger(store);
      while (scavenger.slice());
      expectAlike(store, model, compacted);
      expectNothingSuperfluous(store, model, compacted);

      store.close();
      store = new Store(openDataFile(path));
      expect(store.compactRevision).toBe(compacted);
      expectAlike(store, model, compacted);
    }
  });

  it("keeps nothing when compacted to its end but what there is, and the deletions of its last revision", async () => {
    await using scope = new Scope("store");
    const store = openStore(scope);
    for (let number = 0; number < 1200; number++)
      write(store, (writer) => writer.put(bytes("a"), bytes(`${number}`), 0n));
    write(store, (writer) => writer.put(bytes("b"), bytes(""), 0n));
    write(store, (writer) => writer.delete({ kind: "one", key: bytes("b") }));
    write(store, (writer) => writer.compact(store.revision));
    const scavenger = new Scavenger(store);
    let slices = 0;
    while (scavenger.slice()) slices++;
    expect([...store.changesSince(1)].map((change) => event(change.entry))).toEqual([
      "+a=1199 c2 m1201 v1200 l0",
      "-b 1203",
    ]);
    expect(slices).toBe(3);
  });

  it("undoes a request that throws, and none of its neighbours", async () => {
    await using scope = new Scope("store");
    const store = openStore(scope);
    store.begin();
    store.request((writer) => writer.put(bytes("before"), bytes("1"), 0n));
    const failing = () =>
      store.request((writer) => {
        writer.put(bytes("half"), bytes("1"), 0n);
        writer.leases.add({ id: 1n, ttlSeconds: 1 });
        throw new Error("halfway");
      });
    expect(failing).toThrow("halfway");
    store.request((writer) => writer.put(bytes("after"), bytes("1"), 0n));
    const { changes } = store.commit();
    expect(changes.map((change) => event(change.entry))).toEqual(["+before=1 c2 m2 v1 l0", "+after=1 c3 m3 v1 l0"]);
    expect(store.entries(EVERYTHING, { values: false }).map((entry) => text(entry.key))).toEqual(["after", "before"]);
    expect(store.leases.all()).toEqual([]);
  });

  it("is as before after a rollback", async () => {
    await using scope = new Scope("store");
    const store = openStore(scope);
    write(store, (writer) => writer.put(bytes("a"), bytes("1"), 0n));
    store.begin();
    store.request((writer) => writer.put(bytes("a"), bytes("2"), 0n));
    store.request((writer) => writer.compact(2));
    store.rollback();
    expect([store.revision, store.compactRevision]).toEqual([2, 0]);
    write(store, (writer) => writer.put(bytes("a"), bytes("3"), 0n));
    expect([...store.changesSince(1)].map((change) => event(change.entry))).toEqual([
      "+a=1 c2 m2 v1 l0",
      "+a=3 c2 m3 v2 l0",
    ]);
  });

  it("says whether a group wrote anything: one that did not needs no flush", async () => {
    await using scope = new Scope("store");
    const store = openStore(scope);
    const wrote = (act: () => void) => {
      store.begin();
      act();
      return store.commit().wrote;
    };
    expect(wrote(() => store.request((writer) => writer.get(bytes("a"))))).toBe(false);
    expect(wrote(() => store.request((writer) => writer.put(bytes("a"), bytes("1"), 0n)))).toBe(true);
    expect(wrote(() => store.request((writer) => writer.delete({ kind: "one", key: bytes("none") })))).toBe(false);
    expect(wrote(() => store.request((writer) => writer.leases.add({ id: 1n, ttlSeconds: 1 })))).toBe(true);
  });

  it("deletes the keys of a lease that ends, at one revision", async () => {
    await using scope = new Scope("store");
    const store = openStore(scope);
    const lease = 2n ** 63n - 1n;
    write(store, (writer) => {
      writer.leases.add({ id: lease, ttlSeconds: 60 });
      for (const key of ["x", "y", "z"]) writer.put(bytes(key), bytes(""), key === "y" ? 0n : lease);
    });
    expect(store.leasedKeys(lease).map(text)).toEqual(["x", "z"]);
    write(store, (writer) => writer.revokeLease(lease));
    expect([...store.changesSince(3)].map((change) => event(change.entry))).toEqual(["-x 3", "-z 3"]);
    expect(store.leases.has(lease)).toBe(false);
    expect(store.leasedKeys(lease)).toEqual([]);
  });
});

/** One row for each key alive at the compact revision, and all that was written at it or later. */
function expectNothingSuperfluous(store: Store, model: Model, compacted: number): void {
  const kept = (entry: Entry) =>
    entry.modRevision >= compacted || model.states[compacted]?.get(text(entry.key)) === entry;
  const expected = model.events.filter(kept).map(event);
  expect([...store.changesSince(1)].map((change) => event(change.entry))).toEqual(expected);
}
