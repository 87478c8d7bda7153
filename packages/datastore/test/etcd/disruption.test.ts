import { Scope, seededRandom, TestClock } from "@ocicat/kit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Datastore, Watch, WatchEvent } from "../../src/datastore.ts";
import { DatastoreError } from "../../src/errors.ts";
import { type EtcdDatastore, type EtcdOptions, openEtcd } from "../../src/etcd/index.ts";
import { BACKENDS } from "../support/backends.ts";
import { type EtcdServer, startEtcd } from "../support/etcd.ts";
import { failsWith } from "../support/expect.ts";
import { DisruptionProxy } from "../support/proxy.ts";

/** What networks and servers do to a client, and what it makes of it. */

let direct: EtcdDatastore;
let proxy: DisruptionProxy;
let opened: Datastore[] = [];
let prefix = "";

/** Impatient, so that the tests are not slow. */
const IMPATIENT: Omit<EtcdOptions, "endpoints"> = {
  timeoutMs: 3_000,
  connectTimeoutMs: 300,
  keepAlive: { idleMs: 150, busyMs: 100, timeoutMs: 200 },
};

function open(options: Partial<EtcdOptions> = {}): EtcdDatastore {
  const store = openEtcd({ endpoints: [proxy.endpoint], ...IMPATIENT, ...options });
  opened.push(store);
  return store;
}

async function revisionNow(): Promise<bigint> {
  return (await direct.list(prefix, { limit: 1 })).revision;
}

async function take(watch: Watch, count: number): Promise<WatchEvent[]> {
  const iterator = watch[Symbol.asyncIterator]();
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const next = await iterator.next();
    if (next.done === true) throw new Error("the watch ended");
    events.push(...next.value.events);
  }
  return events;
}

function line(event: WatchEvent): string {
  return event.type === "put"
    ? `+${event.item.key.slice(prefix.length)}=${event.item.value}`
    : `-${event.key.slice(prefix.length)}`;
}

describe.each(BACKENDS)("with %s", (_name, start) => {
  const scope = new Scope("disruption");
  let endpoint: string;

  beforeAll(async () => {
    endpoint = await start(scope, { progressIntervalMs: 100 });
    direct = openEtcd({ endpoints: [endpoint] });
  });
  afterAll(async () => {
    await direct?.close();
    await scope.close();
  });
  beforeEach(async (context) => {
    proxy = await DisruptionProxy.start(endpoint);
    prefix = `/${context.task.id}/`;
  });
  afterEach(async () => {
    for (const store of opened) await store.close();
    opened = [];
    await proxy.close();
  });

  describe("a watch", () => {
    it("misses nothing and doubles nothing over thirty cuts at any byte", async () => {
      const random = seededRandom(1);
      // Enough for the handshake and a few events; often in the middle of one.
      proxy.cutAfter(() => 200 + (random.uint32() % 3_000));
      const store = open();
      const from = (await revisionNow()) + 1n;
      const watches = ["", "a", "b"].map((below) => store.watch(prefix + below, { from, previous: true }));
      const [all, onlyA, onlyB] = watches.map((watch) => watch[Symbol.asyncIterator]());
      if (all === undefined || onlyA === undefined || onlyB === undefined) throw new Error("three watches were opened");

      const expected: string[] = [];
      const seen: string[] = [];
      for (let round = 0; proxy.connections < 30; round++) {
        const result = await direct.commit({
          compares: [],
          operations: [
            { put: `${prefix}a`, value: String(round) },
            { put: `${prefix}b`, value: "x".repeat(round % 50) },
          ],
        });
        expected.push(`+a=${round}`, `+b=${"x".repeat(round % 50)}`);
        const { value: batch } = await all.next();
        seen.push(...batch.events.map(line));
        expect(batch.revision).toBe(result.revision);
      }
      expect(seen).toEqual(expected);
      for (const [iterator, letter] of [
        [onlyA, "+a"],
        [onlyB, "+b"],
      ] as const) {
        const mine = expected.filter((each) => each.startsWith(letter));
        const got: string[] = [];
        while (got.length < mine.length) got.push(...(await iterator.next()).value.events.map(line));
        expect(got).toEqual(mine);
      }
      for (const watch of watches) watch.close();
    });

    it("moves to another connection when the address that its own was made from is gone, and not for another address", async () => {
      const store = open({ keepAlive: { idleMs: 60_000, busyMs: 60_000, timeoutMs: 60_000 } });
      const watch = store.watch(prefix, { from: (await revisionNow()) + 1n });
      const taken = take(watch, 2);
      await store.get(`${prefix}a`);
      const before = proxy.connections;
      store.localAddressGone("192.0.2.1");
      await direct.put(`${prefix}a`, "1");
      await store.get(`${prefix}a`);
      expect(proxy.connections).toBe(before);
      store.localAddressGone("127.0.0.1");
      expect(await store.get(`${prefix}a`)).toMatchObject({ value: "1" });
      expect(proxy.connections).toBe(before + 1);
      await direct.put(`${prefix}a`, "2");
      expect((await taken).map(line)).toEqual(["+a=1", "+a=2"]);
      watch.close();
    });

    it("gets what happened while there was no connection, in order", async () => {
      const store = open();
      const watch = store.watch(prefix, { from: (await revisionNow()) + 1n, previous: true });
      await direct.put(`${prefix}a`, "1");
      expect((await take(watch, 1)).map(line)).toEqual(["+a=1"]);
      proxy.refuse();
      const second = await direct.put(`${prefix}a`, "2");
      await direct.delete(`${prefix}a`);
      await direct.put(`${prefix}b`, "1");
      proxy.accept();
      const events = await take(watch, 3);
      expect(events.map(line)).toEqual(["+a=2", "-a", "+b=1"]);
      expect(events[1]?.previous).toEqual(second);
    });

    it("notices a frozen connection, though nothing was closed, and goes on over a new one", async () => {
      for (const direction of ["toClient", "toServer"] as const) {
        const store = open();
        const watch = store.watch(`${prefix}${direction}`, { from: (await revisionNow()) + 1n });
        await direct.put(`${prefix}${direction}/a`, "1");
        await take(watch, 1);
        proxy.freeze(direction);
        await direct.put(`${prefix}${direction}/a`, "2");
        expect((await take(watch, 1)).map(line)).toEqual([`+${direction}/a=2`]);
      }
    });

    it("throws COMPACTED when what it missed is gone, and only then", async () => {
      const store = open();
      const from = (await revisionNow()) + 1n;
      const watch = store.watch(prefix, { from });
      await direct.put(`${prefix}a`, "1");
      await take(watch, 1);
      proxy.refuse();
      await direct.delete(`${prefix}a`);
      // To the very revision of the deletion: etcd would leave it out in silence.
      await direct.compact(await revisionNow());
      proxy.accept();
      const error = await failsWith(take(watch, 1), "COMPACTED");
      expect(error.retryable).toBe(false);
      expect(error.message).toContain(prefix);
    });

    it("throws COMPACTED when another store stands in the place of its own, instead of keeping silent for ever", async () => {
      const other = await start(scope);
      const store = open();
      const running = store.watch(prefix, { from: (await revisionNow()) + 1n });
      await direct.put(`${prefix}a`, "1");
      await take(running, 1);
      const { revision } = await store.list(prefix);
      proxy.lead(other);
      proxy.cut();
      expect((await failsWith(take(running, 1), "COMPACTED")).message).toContain("another one");
      // And one that begins where a list of the old store ended.
      const begun = store.watch(prefix, { from: revision + 1n });
      await failsWith(take(begun, 1), "COMPACTED");
      const again = await store.list(prefix);
      const fresh = store.watch(prefix, { from: again.revision + 1n });
      await store.put(`${prefix}a`, "2");
      expect((await take(fresh, 1)).map(line)).toEqual(["+a=2"]);
    });

    it("of a quiet prefix keeps up with the store, so that a compaction elsewhere does not end it", async () => {
      const store = open();
      const watch = store.watch(prefix, { from: (await revisionNow()) + 1n });
      await direct.put(`${prefix}a`, "1");
      await take(watch, 1);
      for (let index = 0; index < 10; index++) await direct.put("/elsewhere", String(index));
      // Nothing else is sent than etcd's progress notifications; the first may have been on its way before.
      for (let notifications = 0; notifications < 3; notifications++) {
        const before = proxy.bytesToClient;
        await proxy.until(() => proxy.bytesToClient > before);
      }
      await direct.compact(await revisionNow());
      const { connections } = proxy;
      proxy.cut();
      await proxy.until(() => proxy.connections > connections);
      await direct.put(`${prefix}a`, "2");
      expect((await take(watch, 1)).map(line)).toEqual(["+a=2"]);
    });

    it("gets a revision too large for one message as one batch", async () => {
      const store = open();
      const big = (letter: string) => letter.repeat(450_000);
      const keys = ["a", "b", "c"].map((name) => prefix + name);
      const write = (letter: string) =>
        direct.commit({ compares: [], operations: keys.map((put) => ({ put, value: big(letter) })) });
      await write("1");
      const watch = store.watch(prefix, { from: (await revisionNow()) + 1n, previous: true });
      // With the previous values 2.7 MB: etcd cuts answers above 2 MiB into fragments.
      const { revision } = await write("2");
      const { value: batch } = await watch[Symbol.asyncIterator]().next();
      expect(batch.revision).toBe(revision);
      expect(
        batch.events.map((event: WatchEvent) => [
          event.type === "put" && event.item.key,
          event.previous?.value === big("1"),
        ]),
      ).toEqual(keys.map((key) => [key, true]));
    });

    it("opened before the server can be reached starts when it can", async () => {
      proxy.refuse();
      const from = (await revisionNow()) + 1n;
      const store = open();
      const watch = store.watch(prefix, { from });
      await direct.put(`${prefix}a`, "1");
      await proxy.until(() => proxy.connections > 2);
      proxy.accept();
      expect((await take(watch, 1)).map(line)).toEqual(["+a=1"]);
    });
  });

  describe("a write", () => {
    it("whose answer is cut off is UNKNOWN_OUTCOME and is not repeated", async () => {
      const store = open();
      const watch = direct.watch(prefix, { from: (await revisionNow()) + 1n });
      await store.get(`${prefix}a`);
      proxy.freeze("toClient");
      const write = store.put(`${prefix}a`, "1");
      await take(watch, 1);
      watch.close();
      proxy.cut();
      const error = await failsWith(write, "UNKNOWN_OUTCOME");
      expect(error.retryable).toBe(false);
      expect(error.message).toContain(`${prefix}a`);
      expect(await store.get(`${prefix}a`)).toMatchObject({ value: "1", version: 1n });
    });

    it("that gets no answer is UNKNOWN_OUTCOME, done or not", async () => {
      for (const direction of ["toClient", "toServer"] as const) {
        const store = open();
        const key = prefix + direction;
        await store.get(key);
        proxy.freeze(direction);
        await failsWith(store.create(key, "1"), "UNKNOWN_OUTCOME");
        expect((await direct.get(key))?.version).toBe(direction === "toClient" ? 1n : undefined);
      }
    });

    it("is in its error code exactly what it is in the store, whatever cuts in between", async () => {
      const random = seededRandom(2);
      proxy.cutAfter(() => 100 + (random.uint32() % 2_000));
      const store = open({ timeoutMs: 400 });
      const tally = { done: 0, refused: 0, doubtful: 0 };
      const write = async (key: string) => {
        const error: unknown = await store.put(key, "x").then(
          () => undefined,
          (reason: unknown) => reason,
        );
        const found = await direct.get(key);
        if (error === undefined) {
          tally.done += 1;
          expect(found?.version).toBe(1n);
        } else if (error instanceof DatastoreError && error.code === "UNKNOWN_OUTCOME") {
          tally.doubtful += 1;
          expect([undefined, 1n]).toContain(found?.version);
        } else {
          tally.refused += 1;
          expect(error).toMatchObject({ code: "UNAVAILABLE" });
          expect(found).toBeUndefined();
        }
      };
      const worker = async (name: number) => {
        for (let index = 0; index < 60; index++) await write(`${prefix}${name}/${index}`);
      };
      await Promise.all([1, 2, 3, 4, 5, 6].map(worker));
      expect(tally.done).toBeGreaterThan(0);
      expect(tally.doubtful).toBeGreaterThan(0);
    });

    it("that runs out of time is UNKNOWN_OUTCOME, before the connection is given up", async () => {
      const store = open({ timeoutMs: 50 });
      await store.get(`${prefix}a`);
      proxy.freeze("toClient");
      const error = await failsWith(store.put(`${prefix}a`, "1"), "UNKNOWN_OUTCOME");
      expect(error.message).toContain("50 ms");
      await failsWith(store.get(`${prefix}a`), "TIMEOUT");
    });

    it("that was never sent waits for a connection and then happens once", async () => {
      proxy.refuse();
      const store = open();
      const write = store.create(`${prefix}a`, "1");
      await proxy.until(() => proxy.connections > 1);
      proxy.accept();
      expect(await write).toMatchObject({ version: 1n });
      expect(await direct.get(`${prefix}a`)).toMatchObject({ version: 1n });
    });

    it("that could never be sent is UNAVAILABLE, says why, and may be repeated", async () => {
      const dead = await DisruptionProxy.start(endpoint);
      const nowhere = dead.endpoint;
      await dead.close();
      const store = open({ endpoints: [nowhere], timeoutMs: 200 });
      const error = await failsWith(store.put(`${prefix}a`, "1"), "UNAVAILABLE");
      expect(error.retryable).toBe(true);
      expect(error.message).toContain(nowhere);
      expect(error.message).toContain("ECONNREFUSED");
      expect(await direct.get(`${prefix}a`)).toBeUndefined();
    });

    it("refused for its lease is refused at once, connection or not in doubt", async () => {
      await failsWith(open().put(`${prefix}a`, "", { lease: 12345n }), "NOT_FOUND");
    });
  });

  describe("a read", () => {
    it("survives cuts within its time", async () => {
      await direct.put(`${prefix}a`, "x".repeat(3_000));
      const lengths = [200, 900, 2_500, 1_000_000];
      proxy.cutAfter(() => lengths.shift() ?? 1_000_000);
      const store = open();
      expect((await store.get(`${prefix}a`))?.value).toHaveLength(3_000);
      expect(proxy.connections).toBe(4);
    });

    it("survives a frozen connection within its time", async () => {
      await direct.put(`${prefix}a`, "1");
      for (const direction of ["toClient", "toServer"] as const) {
        const store = open();
        await store.get(`${prefix}a`);
        proxy.freeze(direction);
        expect(await store.get(`${prefix}a`)).toMatchObject({ value: "1" });
      }
    });

    it("goes to another endpoint when one is down, refuses, or keeps silent", async () => {
      await direct.put(`${prefix}a`, "1");
      const down = await DisruptionProxy.start(endpoint);
      await down.close();
      const refusing = await DisruptionProxy.start(endpoint);
      refusing.refuse();
      for (let first = 0; first < 3; first++) {
        const store = open({
          endpoints: [down.endpoint, refusing.endpoint, proxy.endpoint],
          random: { uint32: () => first },
        });
        expect(await store.get(`${prefix}a`)).toMatchObject({ value: "1" });
        expect(store.connected).toBe(true);
      }
      await refusing.close();
    });

    it("of a peer that is not etcd is UNAVAILABLE and names what is wrong", async () => {
      const { createServer } = await import("node:http");
      const server = createServer((_request, response) => response.end("hello"));
      server.listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("no TCP address");
      const store = open({ endpoints: [`http://127.0.0.1:${address.port}`], timeoutMs: 400 });
      await failsWith(store.get(`${prefix}a`), "UNAVAILABLE");
      await new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      });
    });

    it("of many pages shows one revision, whatever is written between them", async () => {
      const keys = Array.from({ length: 2_500 }, (_, index) => `${prefix}${String(index).padStart(4, "0")}`);
      for (let at = 0; at < keys.length; at += 100) {
        const operations = keys.slice(at, at + 100).map((put) => ({ put, value: "then" }));
        await direct.commit({ compares: [], operations });
      }
      const store = open();
      const listing = store.list(prefix);
      const writing = Promise.all(keys.map((key) => direct.put(key, "now")));
      const { items, revision, more } = await listing;
      await writing;
      expect(items.map((item) => item.key)).toEqual(keys);
      expect(more).toBe(false);
      const again = await store.list(prefix, { revision });
      expect(again.items).toEqual(items);
    });
  });

  describe("close()", () => {
    it("ends calls that wait for a connection, and watches, and leaves nothing behind", async () => {
      proxy.refuse();
      const store = open();
      const read = store.get(`${prefix}a`);
      const watch = store.watch(prefix, { from: 1n });
      const ended = watch[Symbol.asyncIterator]().next();
      await proxy.until(() => proxy.connections > 0);
      await store.close();
      await failsWith(read, "CLOSED");
      expect(await ended).toEqual({ done: true, value: undefined });
    });

    it("leaves no timer running", async () => {
      const clock = new TestClock();
      const store = open({ clock });
      const { modRevision } = await store.put(`${prefix}a`, "1");
      await take(store.watch(prefix, { from: modRevision }), 1);
      expect(clock.waiting()).not.toEqual([]);
      await store.close();
      await expect.poll(() => clock.waiting()).toEqual([]);
    });
  });
});

describe("a server that is killed and started again", () => {
  it("is found again: watches resume exactly, reads wait for it, leases live on", async () => {
    const first = await startEtcd();
    const port = Number(new URL(first.endpoint).port);
    prefix = "/";
    const store = openEtcd({ endpoints: [first.endpoint], ...IMPATIENT });
    let second: EtcdServer | undefined;
    try {
      const lease = await store.grantLease(60);
      await store.put(`${prefix}a`, "1", { lease });
      const watch = store.watch(prefix, { from: 1n });
      expect((await take(watch, 1)).map(line)).toEqual(["+a=1"]);
      await first.kill();
      const read = store.get(`${prefix}a`);
      second = await startEtcd({ dataDir: first.dataDir, port });
      expect(await read).toMatchObject({ value: "1", lease });
      expect(await store.keepLeaseAlive(lease)).toBe(60);
      await store.put(`${prefix}a`, "2");
      expect((await take(watch, 1)).map(line)).toEqual(["+a=2"]);
    } finally {
      await store.close();
      await (second ?? first).stop();
    }
  });
});
