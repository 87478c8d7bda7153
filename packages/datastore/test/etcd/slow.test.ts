import { Scope, seededRandom } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Revision, WatchEvent } from "../../src/datastore.ts";
import { DatastoreError } from "../../src/errors.ts";
import { type EtcdDatastore, type EtcdOptions, openEtcd } from "../../src/etcd/index.ts";
import { BACKENDS } from "../support/backends.ts";
import { DisruptionProxy } from "../support/proxy.ts";

/** A way to the datastore that is slow, breaks and falls silent, each direction by itself, while writes and watches go on. */
const SEED = 20_261_123;
const WRITERS = 6;
const WRITES = 70;

const IMPATIENT: Omit<EtcdOptions, "endpoints"> = {
  timeoutMs: 1_200,
  connectTimeoutMs: 400,
  keepAlive: { idleMs: 150, busyMs: 100, timeoutMs: 250 },
};

let scope: Scope;
beforeEach(() => {
  scope = new Scope("slow");
});
afterEach(() => scope.close());

function open(endpoint: string, options: Partial<EtcdOptions> = {}): EtcdDatastore {
  const store = openEtcd({ endpoints: [endpoint], ...options });
  scope.add("client", () => store.close());
  return store;
}

const line = (event: WatchEvent) =>
  event.type === "put"
    ? `${event.item.modRevision} ${event.item.key} ${event.item.version} ${event.item.value}`
    : `${event.revision} ${event.key} gone`;

const END = "/end";

/** Everything a watch tells, a line an event, until END is written. */
async function story(store: EtcdDatastore, from: Revision): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { events } of store.watch("/", { from })) {
    lines.push(...events.map(line));
    if (events.some((event) => event.type === "put" && event.item.key === END)) break;
  }
  return lines;
}

describe.each(BACKENDS)("over a way to %s that delays, cuts and freezes", (_name, start) => {
  it("no write happens twice or unknown, and no event is missed or told twice", async () => {
    const random = seededRandom(SEED);
    const upTo = (limit: number) => random.uint32() % limit;
    const endpoint = await start(scope, { progressIntervalMs: 100 });
    const direct = open(endpoint);
    const proxy = await DisruptionProxy.start(endpoint);
    scope.add("proxy", () => proxy.close());
    proxy.delay((direction) => (direction === "toClient" ? upTo(12) : upTo(6)));
    proxy.cutAfter(() => (upTo(3) === 0 ? 400 + upTo(6_000) : Number.POSITIVE_INFINITY));

    const from = (await direct.list("/", { limit: 1 })).revision + 1n;
    const told = story(open(proxy.endpoint, IMPATIENT), from);
    const witnessed = story(direct, from);

    const outcomes = new Map<string, string>();
    let increments = 0;
    let doubtful = 0;
    const increment = async (store: EtcdDatastore) => {
      const found = await store.get("/counter");
      const next = `${Number(found?.value ?? 0) + 1}`;
      if (found === undefined) await store.create("/counter", next);
      else await store.update("/counter", next, found.modRevision);
      increments += 1;
    };
    const codeOf = (error: unknown) => (error instanceof DatastoreError ? error.code : String(error));
    const writer = async (name: number) => {
      const store = open(proxy.endpoint, IMPATIENT);
      for (let index = 0; index < WRITES; index++) {
        const key = `/unique/${name}/${index}`;
        outcomes.set(key, await store.put(key, "x").then(() => "done", codeOf));
        await increment(store).catch((error: unknown) => {
          if (codeOf(error) === "UNKNOWN_OUTCOME") doubtful += 1;
          else expect(["CONFLICT", "ALREADY_EXISTS", "UNAVAILABLE", "TIMEOUT"]).toContain(codeOf(error));
        });
        // The connections there are fall silent, without a word, in one direction or both.
        if (upTo(25) === 0) proxy.freeze(upTo(2) === 0 ? "toClient" : "toServer");
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, name) => writer(name)));

    const tally: Record<string, number> = {};
    for (const [key, outcome] of outcomes) {
      tally[outcome] = (tally[outcome] ?? 0) + 1;
      const version = (await direct.get(key))?.version;
      const allowed = { done: [1n], UNKNOWN_OUTCOME: [1n, undefined] }[outcome] ?? [undefined];
      expect(allowed, `${key} ${outcome}`).toContain(version);
    }
    expect(Object.keys(tally).filter((code) => !["done", "UNKNOWN_OUTCOME", "UNAVAILABLE"].includes(code))).toEqual([]);
    // The way was bad enough to mean something.
    expect(tally["UNKNOWN_OUTCOME"]).toBeGreaterThan(3);
    expect(tally["done"]).toBeGreaterThan((WRITERS * WRITES) / 3);
    expect(proxy.connections).toBeGreaterThan(2 * WRITERS);
    const counter = Number((await direct.get("/counter"))?.value);
    expect(counter).toBeGreaterThanOrEqual(increments);
    expect(counter).toBeLessThanOrEqual(increments + doubtful);

    await direct.put(END, "");
    expect(await told).toEqual(await witnessed);
  }, 40_000);
});
