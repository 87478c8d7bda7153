import { expect, it } from "vitest";
import type { WatchEvent } from "../datastore.ts";
import { failure, type GetSubject, line, revisionNow, revisionOf, startWatch } from "./fixture.ts";

/** Changes as they happen, and as they happened. */
export function watchTests(subject: GetSubject): void {
  const lines = (events: readonly WatchEvent[]) => events.map((event) => line(subject(), event));

  it("tells what happens below the prefix, in order, and nothing else", async () => {
    const { store, prefix } = subject();
    const reader = startWatch(subject(), (await revisionNow(subject())) + 1n, { below: "in/" });
    await store.put(`${prefix}in/a`, "1");
    await store.put(`${prefix}in`, "outside");
    await store.put(`${prefix}in0`, "outside");
    await store.put(`${prefix}in/b`, "1");
    await store.put(`${prefix}in/a`, "2");
    await store.delete(`${prefix}in0`);
    await store.delete(`${prefix}in/b`);
    expect(lines(await reader.take(4))).toEqual(["+in/a=1", "+in/b=1", "+in/a=2", "-in/b"]);
    reader.close();
  });

  it("put events hold the whole item; delete events their revision; previous only where it was asked for", async () => {
    const { store, prefix } = subject();
    const from = (await revisionNow(subject())) + 1n;
    const first = await store.put(`${prefix}a`, "1");
    const second = await store.put(`${prefix}a`, "2");
    await store.delete(`${prefix}a`);
    const deletedAt = await revisionNow(subject());

    const plain = startWatch(subject(), from);
    expect(await plain.take(3)).toEqual([
      { type: "put", item: first, previous: undefined },
      { type: "put", item: second, previous: undefined },
      { type: "delete", key: `${prefix}a`, revision: deletedAt, previous: undefined },
    ]);
    const full = startWatch(subject(), from, { previous: true });
    expect(await full.take(3)).toEqual([
      { type: "put", item: first, previous: undefined },
      { type: "put", item: second, previous: first },
      { type: "delete", key: `${prefix}a`, revision: deletedAt, previous: second },
    ]);
    plain.close();
    full.close();
  });

  it("from a past revision it replays history first, then goes on", async () => {
    const { store, prefix } = subject();
    const writes = 120;
    const from = (await revisionNow(subject())) + 1n;
    for (let index = 0; index < writes; index++) await store.put(`${prefix}${index % 7}`, String(index));
    const reader = startWatch(subject(), from);
    const history = await reader.take(writes);
    expect(history.map((event) => event.type === "put" && event.item.value)).toEqual(
      Array.from({ length: writes }, (_, index) => String(index)),
    );
    await store.put(`${prefix}live`, "x");
    expect(lines(await reader.take(1))).toEqual(["+live=x"]);
    reader.close();
  });

  it("starts exactly at its revision: that event is told, the one before is not", async () => {
    const { store, prefix } = subject();
    await store.put(`${prefix}a`, "1");
    const { modRevision } = await store.put(`${prefix}a`, "2");
    await store.put(`${prefix}a`, "3");
    const reader = startWatch(subject(), modRevision);
    expect(lines(await reader.take(2))).toEqual(["+a=2", "+a=3"]);
    reader.close();
  });

  it("from a revision yet to come it keeps silent until then", async () => {
    const { store, prefix } = subject();
    const { modRevision } = await store.put(`${prefix}a`, "0");
    const from = modRevision + 3n;
    const reader = startWatch(subject(), from);
    const told: string[] = [];
    // Others may write to the store, too: then the revision comes sooner.
    for (const value of ["1", "2", "3", "4"]) {
      if ((await store.put(`${prefix}a`, value)).modRevision >= from) told.push(`+a=${value}`);
    }
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(lines(await reader.take(told.length))).toEqual(told);
    reader.close();
  });

  it("a list and a watch from the next revision together miss nothing and double nothing", async () => {
    const { store, prefix } = subject();
    const writer = (async () => {
      for (let index = 0; index < 100; index++) await store.put(`${prefix}k${index % 10}`, String(index));
    })();
    const { items, revision } = await store.list(prefix);
    // Each key is written with every tenth number, the first time with its own.
    const state = new Map(items.map((item) => [item.key, Number(item.value)]));
    const reader = startWatch(subject(), revision + 1n);
    const known = () => [...state.values()].reduce((sum, value) => sum + Math.floor(value / 10) + 1, 0);
    while (known() < 100) {
      for (const event of await reader.take(1)) {
        if (event.type !== "put") throw new Error("nothing was deleted");
        const { key, value } = event.item;
        const before = state.get(key);
        expect(Number(value)).toBe(before === undefined ? Number(key.at(-1)) : before + 10);
        state.set(key, Number(value));
      }
    }
    await writer;
    reader.close();
  });

  it("resumed from the revision after its last batch it misses nothing and doubles nothing", async () => {
    const { store, prefix } = subject();
    const writes = 30;
    const from = (await revisionNow(subject())) + 1n;
    const writer = (async () => {
      for (let index = 0; index < writes; index++) await store.put(`${prefix}a`, String(index));
    })();
    const seen: WatchEvent[] = [];
    for (let next = from; seen.length < writes; ) {
      const reader = startWatch(subject(), next);
      seen.push(...(await reader.batch()).events);
      next = reader.revision + 1n;
      reader.close();
    }
    await writer;
    expect(lines(seen)).toEqual(Array.from({ length: writes }, (_, index) => `+a=${index}`));
  });

  it("two watchers get the same, and one closing does not disturb the other", async () => {
    const { store, prefix } = subject();
    const from = (await revisionNow(subject())) + 1n;
    const [one, two] = [startWatch(subject(), from), startWatch(subject(), from)];
    await store.put(`${prefix}a`, "1");
    expect(await one.take(1)).toEqual(await two.take(1));
    one.close();
    await store.put(`${prefix}a`, "2");
    expect(lines(await two.take(1))).toEqual(["+a=2"]);
    expect(await one.ended()).toBe(true);
    two.close();
  });

  it("a hundred watchers at once each get their own", async () => {
    const { store, prefix } = subject();
    const from = (await revisionNow(subject())) + 1n;
    const readers = Array.from({ length: 100 }, (_, index) => startWatch(subject(), from, { below: `${index}/` }));
    for (let index = 0; index < readers.length; index++) await store.put(`${prefix}${index}/x`, String(index));
    for (const [index, reader] of readers.entries()) {
      expect(lines(await reader.take(1))).toEqual([`+${index}/x=${index}`]);
      reader.close();
    }
  });

  it("what waits for a slow reader comes in whole revisions and in order", async () => {
    const { store, prefix } = subject();
    const from = (await revisionNow(subject())) + 1n;
    const reader = startWatch(subject(), from);
    const other = startWatch(subject(), from);
    for (let index = 0; index < 50; index++) await store.put(`${prefix}a`, String(index));
    await other.take(50);
    const seen = await reader.take(50);
    expect(lines(seen)).toEqual(Array.from({ length: 50 }, (_, index) => `+a=${index}`));
    expect(seen.map(revisionOf)).toEqual(seen.map(revisionOf).toSorted((a, b) => Number(a - b)));
    reader.close();
    other.close();
  });

  it("close() ends the iteration, also one that waits", async () => {
    const reader = startWatch(subject(), (await revisionNow(subject())) + 1n);
    const ended = reader.ended();
    reader.close();
    expect(await ended).toBe(true);
    expect(await reader.ended()).toBe(true);
  });

  it("leaving a for-await loop closes the watch", async () => {
    const { store, prefix } = subject();
    const watch = store.watch(prefix, { from: (await revisionNow(subject())) + 1n });
    await store.put(`${prefix}a`, "1");
    for await (const batch of watch) {
      expect(lines(batch.events)).toEqual(["+a=1"]);
      break;
    }
    await store.put(`${prefix}a`, "2");
    expect(await watch[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });

  it("a start that is no revision is INVALID", async () => {
    const { store, prefix } = subject();
    await failure(() => store.watch(prefix, { from: 0n }), "INVALID");
  });
}
