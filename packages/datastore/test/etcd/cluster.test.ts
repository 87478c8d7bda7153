import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WatchEvent } from "../../src/datastore.ts";
import { DatastoreError } from "../../src/errors.ts";
import { type EtcdDatastore, openEtcd } from "../../src/etcd/index.ts";
import { Cluster } from "../support/cluster.ts";

/** Three real members, whose leader goes while writes, watches and a lease go on. */
const WRITERS = 8;
const END = "/end";
/**
 * Seconds. Longer than the test may take: an etcd leader that was stopped revokes, when it goes on, what ran out by its
 * own clock, though the cluster has long been keeping it alive under another.
 */
const LEASE_TTL = 60;

let scope: Scope;
let cluster: Cluster;

beforeEach(async () => {
  scope = new Scope("cluster");
  cluster = await Cluster.start(scope);
}, 30_000);
afterEach(() => scope.close());

/** Begins at the member of this number. */
function open(first: number): EtcdDatastore {
  const store = openEtcd({
    endpoints: cluster.endpoints,
    random: { uint32: () => first },
    keepAlive: { idleMs: 300, busyMs: 200, timeoutMs: 400 },
  });
  scope.add("client", () => store.close());
  return store;
}

const line = (event: WatchEvent) =>
  event.type === "put" ? `${event.item.modRevision} ${event.item.key} ${event.item.version}` : `${event.revision} gone`;

/** Everything there was, until END is written. What is committed after that may or may not come with it. */
async function story(store: EtcdDatastore): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { events } of store.watch("/", { from: 1n })) {
    for (const event of events) {
      lines.push(line(event));
      if (event.type === "put" && event.item.key === END) return lines;
    }
  }
  return lines;
}

/** Writes new keys one after the other until told to stop, and keeps what each write was answered with. */
class Writer {
  readonly outcomes = new Map<string, string>();
  readonly #store: EtcdDatastore;
  readonly #name: number;
  readonly #ended: Promise<void>;
  #stopping = false;

  constructor(store: EtcdDatastore, name: number) {
    this.#store = store;
    this.#name = name;
    this.#ended = this.#run();
  }

  count(outcome: string): number {
    return [...this.outcomes.values()].filter((each) => each === outcome).length;
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.#ended;
  }

  async #run(): Promise<void> {
    for (let index = 0; !this.#stopping; index++) {
      const key = `/${this.#name}/${index}`;
      const outcome = await this.#store.put(key, "x").then(
        () => "done",
        (error: unknown) => (error instanceof DatastoreError ? error.code : String(error)),
      );
      this.outcomes.set(key, outcome);
    }
  }
}

const FATES = [
  ["is killed, twice", 2, (name: string) => cluster.kill(name), (name: string) => cluster.run(name)],
  [
    "falls silent without closing a connection",
    1,
    (name: string) => cluster.signal(name, "SIGSTOP"),
    (name: string) => cluster.signal(name, "SIGCONT"),
  ],
] as const;

describe.each(FATES)("a cluster whose leader %s", (_what, times, take, giveBack) => {
  it("loses no acknowledged write, does none twice, tells every event once, and leases live", async () => {
    const watchers = [0, 1, 2].map((first) => story(open(first)));
    const lessee = open(1);
    const lease = await lessee.grantLease(LEASE_TTL);
    await lessee.put("/leased", "x", { lease });
    const writers = Array.from({ length: WRITERS }, (_, index) => new Writer(open(index % 3), index));
    const done = () => writers.reduce((sum, writer) => sum + writer.count("done"), 0);
    const progress = async (more: number) => {
      const goal = done() + more;
      await expect.poll(done, { timeout: 20_000 }).toBeGreaterThan(goal);
    };

    for (let round = 0; round < times; round++) {
      await progress(100);
      const leader = await cluster.leader();
      await take(leader);
      // Every writer is served by the others before it comes back.
      const before = writers.map((writer) => writer.count("done"));
      await expect
        .poll(() => writers.every((writer, index) => writer.count("done") > (before[index] ?? 0) + 5), {
          timeout: 20_000,
        })
        .toBe(true);
      expect(await lessee.keepLeaseAlive(lease)).toBe(LEASE_TTL);
      giveBack(leader);
      await cluster.leader();
    }
    await Promise.all(writers.map((writer) => writer.stop()));

    const witness = open(0);
    const kinds = new Set(writers.flatMap((writer) => [...writer.outcomes.values()]));
    expect([...kinds].filter((kind) => !["done", "UNKNOWN_OUTCOME", "UNAVAILABLE"].includes(kind))).toEqual([]);
    const stored = new Map((await witness.list("/")).items.map(({ key, version }) => [key, version]));
    for (const writer of writers) {
      for (const [key, outcome] of writer.outcomes) {
        const allowed = outcome === "done" ? [1n] : outcome === "UNKNOWN_OUTCOME" ? [1n, undefined] : [undefined];
        expect(allowed, `${key} ${outcome}`).toContain(stored.get(key));
      }
    }
    expect(stored.get("/leased")).toBe(1n);
    await witness.put(END, "");
    const [whole, ...others] = await Promise.all([story(witness), ...watchers]);
    expect(whole?.length).toBeGreaterThan(400);
    // The first difference, not a picture of thousands of lines.
    for (const told of others) expect(told.find((each, index) => each !== whole?.[index])).toBeUndefined();
    expect(others.map((told) => told.length)).toEqual(others.map(() => whole?.length));
  }, 60_000);
});
