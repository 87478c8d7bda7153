import { DatastoreError, type KeyValue, MemoryDatastore, type WatchEvent } from "@ocicat/datastore";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { keyOf, Mirror, type MirrorOptions } from "../src/mirror.ts";

async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function mirrored(store: MirrorOptions["store"]) {
  const told: string[] = [];
  const clock = new TestClock();
  const scope = new Scope("mirror");
  const mirror = new Mirror({
    store,
    prefixes: ["/r/a/", "/r/b/"],
    root: "/r/",
    sink: {
      replace: (items: Iterable<KeyValue>) => void told.push(`all: ${[...items].map(({ key }) => key).join(" ")}`),
      apply: (events: readonly WatchEvent[]) =>
        void told.push(events.map((event) => `${event.type} ${keyOf(event)}`).join(", ")),
    },
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    scope,
  });
  mirror.start();
  return { mirror, told, clock, scope };
}

describe("a mirror", () => {
  it("tells everything of one revision first, then each revision whole, of its prefixes and of nothing else", async () => {
    const store = new MemoryDatastore();
    await store.put("/r/b/1", "");
    await store.put("/r/c/1", "");
    await store.put("/r/a/1", "");
    const { mirror, told, scope } = mirrored(store);
    expect([mirror.isInSync, mirror.problem]).toEqual([false, "not in sync with the datastore yet"]);
    await rest();
    expect([mirror.isInSync, mirror.problem]).toEqual([true, undefined]);
    await store.commit({ compares: [], operations: [{ put: "/r/a/2", value: "" }, { delete: "/r/b/1" }] });
    await store.put("/r/c/2", "");
    await rest();
    expect(told).toEqual(["all: /r/a/1 /r/b/1", "put /r/a/2, delete /r/b/1"]);
    await scope.close();
  });

  it("lists again when history is gone, and says while the datastore does not answer", async () => {
    const store = new MemoryDatastore();
    await store.put("/r/a/1", "");
    let isAway = false;
    const flaky: MemoryDatastore = Object.assign(Object.create(store) as MemoryDatastore, {
      list: (...args: Parameters<MemoryDatastore["list"]>) =>
        isAway ? Promise.reject(new Error("cut off")) : store.list(...args),
      watch: (prefix: string, options: { readonly from: bigint }) => {
        // As a watch that was away for too long.
        const from = isAway ? 1n : options.from;
        return store.watch(prefix, { from });
      },
    });
    const { told, scope } = mirrored(flaky);
    await rest();
    expect(told).toHaveLength(1);
    await scope.close();
    isAway = true;
    const second = mirrored(flaky);
    await rest();
    expect(second.mirror.problem).toMatch(/cut off/);
    isAway = false;
    second.clock.advance(10_000);
    await rest();
    expect([second.mirror.problem, second.told]).toEqual([undefined, ["all: /r/a/1"]]);
    await store.put("/r/a/2", "");
    await store.compact(2n);
    await rest();
    expect(second.told.at(-1)).toBe("put /r/a/2");
    await second.scope.close();
  });

  it("of a store without one order keeps each prefix in order, and begins when all are listed", async () => {
    const store = new MemoryDatastore({ transactions: false });
    await store.put("/r/a/1", "");
    await store.put("/r/b/1", "");
    let isBAway = true;
    const parted: MirrorOptions["store"] = {
      abilities: store.abilities,
      watch: (prefix, options) => store.watch(prefix, options),
      list: (prefix) => (isBAway && prefix === "/r/b/" ? Promise.reject(new Error("cut off")) : store.list(prefix)),
    };
    const { mirror, told, clock, scope } = mirrored(parted);
    await rest();
    expect([mirror.isInSync, mirror.problem, told]).toEqual([false, expect.stringMatching(/cut off/), []]);
    await store.put("/r/a/2", "");
    await store.delete("/r/a/1");
    isBAway = false;
    clock.advance(10_000);
    await rest();
    expect([mirror.isInSync, mirror.problem, told]).toEqual([true, undefined, ["all: /r/a/2 /r/b/1"]]);
    await scope.close();
  });

  it("of a store without one order lists one prefix again when its history is gone, and tells what differs", async () => {
    const store = new MemoryDatastore({ transactions: false });
    for (const key of ["/r/a/1", "/r/a/2", "/r/b/1"]) await store.put(key, "");
    let breakOff: () => void = () => {};
    let isFirst = true;
    const parted: MirrorOptions["store"] = {
      abilities: store.abilities,
      list: (prefix) => store.list(prefix),
      watch(prefix, options) {
        const watch = store.watch(prefix, options);
        if (prefix !== "/r/a/" || !isFirst) return watch;
        isFirst = false;
        watch.close();
        const broken = new Promise<never>((_, reject) => {
          breakOff = () => reject(new DatastoreError("COMPACTED", "history is gone"));
        });
        return { close() {}, [Symbol.asyncIterator]: () => ({ next: () => broken }) };
      },
    };
    const { told, clock, scope } = mirrored(parted);
    await rest();
    await store.put("/r/a/3", "");
    await store.delete("/r/a/1");
    breakOff();
    await rest();
    clock.advance(1_000);
    await rest();
    expect(told).toEqual(["all: /r/a/1 /r/a/2 /r/b/1", "put /r/a/3, delete /r/a/1"]);
    await scope.close();
  });
});
