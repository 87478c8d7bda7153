import { API_VERSION, type ClusterInformation, clusterInformation, encodeStored } from "@ocicat/api";
import { type KeyValue, MemoryDatastore } from "@ocicat/datastore";
import { silentLogger } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { DatastoreLock, guardedStore, HeldSink } from "../../src/lock/index.ts";
import { makeTables, type Tables } from "../../src/tables/tables.ts";
import type { ReflectorSink } from "../../src/watch/reflector.ts";

let revision = 0n;
function item(key: string, value: string): KeyValue {
  revision++;
  return { key, value, modRevision: revision, createRevision: revision, version: 1n, lease: 0n };
}

/** As the cluster's watch would tell it. */
function setReady({ cluster }: Tables, datastoreReady: boolean | undefined): void {
  const information: ClusterInformation = {
    kind: "ClusterInformation",
    apiVersion: API_VERSION,
    metadata: { name: "default" },
    spec: datastoreReady === undefined ? {} : { datastoreReady },
  };
  cluster.put(item(clusterInformation.storage.key("default", undefined) ?? "", encodeStored(information)));
}

function setUp() {
  const tables = makeTables("node1", silentLogger);
  return { tables, lock: new DatastoreLock(tables.cluster) };
}

/** Writes down what it is told. */
class Diary implements ReflectorSink {
  readonly lines: string[] = [];

  replace(items: readonly KeyValue[]): void {
    this.lines.push(`all: ${items.map(({ key }) => key).join(" ")}`);
  }

  put({ key, value }: KeyValue): void {
    this.lines.push(`${key}=${value}`);
  }

  remove(key: string): void {
    this.lines.push(`${key} gone`);
  }
}

describe("the lock", () => {
  it("is what ClusterInformation says, and open where that says nothing or is away", () => {
    const { tables, lock } = setUp();
    const told: boolean[] = [];
    lock.subscribe((locked) => told.push(locked));
    expect(lock.locked).toBe(false);
    setReady(tables, true);
    setReady(tables, false);
    setReady(tables, false);
    expect(lock.locked).toBe(true);
    setReady(tables, undefined);
    setReady(tables, false);
    tables.cluster.replace([]);
    expect(told).toEqual([true, false, true, false]);
  });

  it("lets work that is done once be done when it is open, once", () => {
    const { tables, lock } = setUp();
    const done: string[] = [];
    lock.whenOpen(() => done.push("at once"));
    setReady(tables, false);
    lock.whenOpen(() => done.push("later"));
    expect(done).toEqual(["at once"]);
    setReady(tables, true);
    setReady(tables, false);
    setReady(tables, true);
    expect(done).toEqual(["at once", "later"]);
  });
});

describe("changes while it is locked", () => {
  it("wait, the last of each key, and are told when it is unlocked", () => {
    const { tables, lock } = setUp();
    const diary = new Diary();
    const sink = new HeldSink(diary, lock);
    sink.replace([item("a", "1")]);
    setReady(tables, false);
    sink.put(item("a", "2"));
    sink.put(item("b", "1"));
    sink.put(item("a", "3"));
    sink.remove("b", 9n);
    expect(diary.lines).toEqual(["all: a"]);
    expect(lock.waiting).toBe(2);
    setReady(tables, true);
    expect(diary.lines).toEqual(["all: a", "a=3", "b gone"]);
    expect(lock.waiting).toBe(0);
    sink.put(item("c", "1"));
    expect(diary.lines.at(-1)).toBe("c=1");
  });

  it("that came before a new list are in that", () => {
    const { tables, lock } = setUp();
    const diary = new Diary();
    const sink = new HeldSink(diary, lock);
    sink.replace([]);
    setReady(tables, false);
    sink.put(item("a", "1"));
    sink.replace([item("b", "1"), item("c", "1")]);
    sink.remove("c", 9n);
    setReady(tables, true);
    expect(diary.lines).toEqual(["all: ", "all: b c", "c gone"]);
  });

  it("do not keep an agent that starts from seeing what there is", () => {
    const { tables, lock } = setUp();
    setReady(tables, false);
    const diary = new Diary();
    const sink = new HeldSink(diary, lock);
    sink.replace([item("a", "1")]);
    sink.put(item("a", "2"));
    expect(diary.lines).toEqual(["all: a"]);
  });
});

describe("a guarded store", () => {
  it("reads and watches, and writes nothing while it is locked", async () => {
    const { tables, lock } = setUp();
    const memory = new MemoryDatastore();
    const store = guardedStore(memory, lock);
    const { modRevision } = await store.create("/a", "1");
    setReady(tables, false);
    const refused = {
      code: "DATASTORE_LOCKED",
      retryable: true,
      message: expect.stringContaining("Calico is currently not ready"),
    };
    for (const write of [
      () => store.create("/b", "1"),
      () => store.put("/b", "1"),
      () => store.update("/a", "2", modRevision),
      () => store.delete("/a"),
      () => store.commit({ compares: [], operations: [{ put: "/b", value: "1" }] }),
    ])
      await expect(write()).rejects.toMatchObject(refused);
    expect((await store.list("/")).items).toEqual([expect.objectContaining({ key: "/a", value: "1", modRevision })]);
    setReady(tables, true);
    await store.put("/b", "1");
    expect(await memory.get("/b")).toMatchObject({ value: "1" });
  });
});
