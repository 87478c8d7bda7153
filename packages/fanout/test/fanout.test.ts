import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Datastore, DatastoreError, MemoryDatastore } from "@ocicat/datastore";
import { openEtcd, systemClock, systemRandom, type TlsFiles } from "@ocicat/datastore/etcd";
import { encodeFrame } from "@ocicat/datastore/serving";
import { createBackoff, Scope, seededRandom, silentLogger } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WatchRequestSchema } from "../../datastore/src/proto/rpc_pb.ts";
import { makeCertificates } from "../../datastore/test/support/certificates.ts";
import { DisruptionProxy } from "../../datastore/test/support/proxy.ts";
import { type FanoutClient, openFanout, type RunningFanout, startFanout } from "../src/index.ts";
import type { FanoutOptions } from "../src/options.ts";

const ROOT = "/calico/resources/v3/projectcalico.org/";
const NODES = `${ROOT}nodes/`;

/** Waits for a fact, at most 10 s; then throws with what it last saw. */
async function eventually<T>(look: () => T | Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`it did not come to be; seen last: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A reader as an agent is one: list, watch, and list again when history is gone. */
class Reader {
  readonly rows = new Map<string, string>();
  lists = 0;
  #isClosed = false;
  readonly #client: FanoutClient;

  constructor(client: FanoutClient, prefix: string) {
    this.#client = client;
    void this.#run(prefix);
  }

  close(): void {
    this.#isClosed = true;
  }

  async #run(prefix: string): Promise<void> {
    const backoff = createBackoff(systemRandom, { initialMs: 5, maxMs: 50 });
    while (!this.#isClosed) {
      try {
        let page = await this.#client.list(prefix, { limit: 7 });
        const { revision } = page;
        const items = [...page.items];
        while (page.more) {
          page = await this.#client.list(prefix, { limit: 7, revision, after: items.at(-1)?.key ?? "" });
          items.push(...page.items);
        }
        this.lists += 1;
        this.rows.clear();
        for (const { key, value } of items) this.rows.set(key, value);
        for await (const { events } of this.#client.watch(prefix, { from: revision + 1n })) {
          for (const event of events) {
            if (event.type === "put") this.rows.set(event.item.key, event.item.value);
            else this.rows.delete(event.key);
          }
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, backoff.next()));
      }
    }
  }
}

describe("a fan-out", () => {
  let scope: Scope;
  let dir: string;
  let upstream: MemoryDatastore;
  let asked: { lists: number; watches: number };
  beforeEach(() => {
    scope = new Scope("test");
    dir = mkdtempSync(join(tmpdir(), "oct-fanout-"));
    scope.add("files", () => rmSync(dir, { recursive: true, force: true }));
    upstream = new MemoryDatastore();
    asked = { lists: 0, watches: 0 };
  });
  afterEach(() => scope.close());

  const start = async (name = "a", more: Partial<FanoutOptions> = {}): Promise<RunningFanout> => {
    const store = upstream;
    const counted: Pick<Datastore, "list" | "watch"> = {
      list(prefix, options) {
        asked.lists += 1;
        return store.list(prefix, options);
      },
      watch(prefix, options) {
        asked.watches += 1;
        return store.watch(prefix, options);
      },
    };
    return await startFanout(
      {
        listen: { path: join(dir, `${name}.sock`) },
        tls: undefined,
        clientName: undefined,
        limits: { events: 1_000, size: 2 ** 20 },
        patienceMs: 60_000,
        healthHost: "127.0.0.1",
        healthPort: 0,
        lagResolutionMs: 100,
        ...more,
      },
      { upstream: counted, clock: systemClock, random: systemRandom, logger: silentLogger },
      scope.child(name),
    );
  };
  const opened = (client: FanoutClient): FanoutClient => {
    scope.add("client", () => client.close());
    return client;
  };
  const open = (name = "a") => opened(openFanout({ endpoints: [`unix://${join(dir, `${name}.sock`)}`] }));
  const read = (client: FanoutClient, prefix = NODES): Reader => {
    const reader = new Reader(client, prefix);
    scope.add("reader", () => reader.close());
    return reader;
  };
  const truth = async (prefix = NODES) =>
    new Map((await upstream.list(prefix)).items.map(({ key, value }) => [key, value]));
  const agrees = async (reader: Reader, prefix = NODES) => {
    const expected = await truth(prefix);
    await eventually(
      () => reader.rows,
      (rows) => rows.size === expected.size && [...expected].every(([key, value]) => rows.get(key) === value),
    );
  };

  it("serves many from one list and one watch, and makes each message once", async () => {
    for (let index = 0; index < 30; index++) await upstream.put(`${NODES}n${index}`, "first");
    const fanout = await start();
    const before = asked.lists;
    const readers = Array.from({ length: 20 }, () => read(open()));
    for (const reader of readers) await agrees(reader);
    const { framesEncoded, framesSent } = fanout.counters;
    expect([framesEncoded, framesSent]).toEqual([0, 0]);
    await eventually(
      () => fanout.counters.watches,
      (watches) => watches === 20,
    );
    await upstream.put(`${NODES}n3`, "second");
    await upstream.delete(`${NODES}n4`);
    for (const reader of readers) await agrees(reader);
    expect([asked.lists - before, asked.watches]).toEqual([1, 1]);
    expect(fanout.counters.framesSent).toBeGreaterThanOrEqual(20);
    expect(fanout.counters.framesEncoded).toBeLessThanOrEqual(2);
    expect(readers.map(({ lists }) => lists)).toEqual(readers.map(() => 1));
  });

  it("tells rows with the datastore's own revisions, in order, by page as of one moment", async () => {
    for (const name of ["a", "b", "c", "d"]) await upstream.put(NODES + name, name);
    await start();
    const client = open();
    const first = await client.list(NODES, { limit: 2 });
    const told = upstream.put(`${NODES}e`, "e").then(() => upstream.delete(`${NODES}d`));
    await told;
    await eventually(
      () => client.list(NODES),
      ({ items }) => items.length === 4 && items.at(-1)?.key === `${NODES}e`,
    );
    const rest = await client.list(NODES, { limit: 9, revision: first.revision, after: `${NODES}b` });
    expect([...first.items, ...rest.items].map(({ value }) => value)).toEqual(["a", "b", "c", "d"]);
    expect([first.more, rest.more]).toEqual([true, false]);
    const direct = await upstream.list(NODES);
    expect((await client.list(NODES)).items).toEqual(direct.items);
    const [batch] = await firstBatches(client.watch(NODES, { from: first.revision + 1n }), 1);
    expect(batch?.events.map((event) => (event.type === "put" ? event.item.key : event.key).at(-1))).toEqual([
      "e",
      "d",
    ]);
    expect(batch?.revision).toBe(direct.revision);
  });

  it("keeps kinds apart: each is a stream of its own, and what is above several is refused; nothing is written", async () => {
    await upstream.put(`${ROOT}profiles/kns.shop`, "1");
    await upstream.put(`${ROOT}profiles/ksa.shop.web`, "2");
    await upstream.put(`${NODES}n`, "3");
    await start();
    const client = open();
    const profiles = read(client, `${ROOT}profiles/`);
    await agrees(profiles, `${ROOT}profiles/`);
    await upstream.put(`${ROOT}profiles/ksa.shop.web`, "4");
    await upstream.put(`${ROOT}profiles/kns.shop`, "5");
    await agrees(profiles, `${ROOT}profiles/`);
    await upstream.delete(`${ROOT}profiles/kns.shop`);
    await agrees(profiles, `${ROOT}profiles/`);
    expect(profiles.lists).toBe(1);
    await expect(client.list("/calico/")).rejects.toThrow(/one kind of resource at a time/);
    const etcd = openEtcd({ endpoints: [`unix://${join(dir, "a.sock")}`] });
    scope.add("etcd", () => etcd.close());
    await expect(etcd.put(`${NODES}x`, "y")).rejects.toThrow(/unknown method/);
    expect(await upstream.get(`${NODES}x`)).toBeUndefined();
  });

  it("goes on from a list of several parts that began at different times, each part from its own", async () => {
    await upstream.put(`${ROOT}profiles/kns.a`, "1");
    await upstream.put(`${ROOT}profiles/ksa.a.b`, "1");
    await start();
    await open().list(`${ROOT}profiles/kns.`);
    for (let index = 0; index < 5; index++) await upstream.put(`${NODES}n`, `${index}`);
    const reader = read(open(), `${ROOT}profiles/`);
    await agrees(reader, `${ROOT}profiles/`);
    await upstream.put(`${ROOT}profiles/kns.a`, "2");
    await upstream.put(`${ROOT}profiles/ksa.a.b`, "2");
    await agrees(reader, `${ROOT}profiles/`);
    expect(reader.lists).toBe(1);
  });

  it("tells what differs when its own history is gone, as if it had seen it", async () => {
    for (const name of ["a", "b", "c"]) await upstream.put(NODES + name, "1");
    let breakOff: () => void = () => {};
    let isBroken = false;
    const real = upstream;
    const parted = Object.assign(Object.create(real) as MemoryDatastore, {
      list: (prefix: string) => real.list(prefix),
      watch(prefix: string, options: { readonly from: bigint }) {
        if (isBroken || prefix !== NODES) return real.watch(prefix, options);
        isBroken = true;
        const broken = new Promise<never>((_, reject) => {
          breakOff = () => reject(new DatastoreError("COMPACTED", "history is gone"));
        });
        return { close() {}, [Symbol.asyncIterator]: () => ({ next: () => broken }) };
      },
    });
    upstream = parted;
    const fanout = await start();
    upstream = real;
    const reader = read(open());
    await eventually(
      () => fanout.counters.watches,
      (watches) => watches === 1,
    );
    await upstream.delete(`${NODES}a`);
    await upstream.put(`${NODES}b`, "2");
    await upstream.put(`${NODES}d`, "1");
    breakOff();
    await agrees(reader);
    expect([reader.lists, fanout.counters.upstreamLists]).toEqual([1, 2]);
  });

  it("goes on where it was when connections break, also at another fan-out", async () => {
    for (let index = 0; index < 30; index++) await upstream.put(`${NODES}n${index}`, "first");
    const [a, b] = await Promise.all([
      start("a", { listen: { host: "127.0.0.1", port: 0 } }),
      start("b", { listen: { host: "127.0.0.1", port: 0 } }),
    ]);
    const at = ({ endpoint }: RunningFanout) => `http://127.0.0.1:${"port" in endpoint ? endpoint.port : 0}`;
    const proxy = await DisruptionProxy.start(at(a));
    scope.add("proxy", () => proxy.close());
    const reader = read(opened(openFanout({ endpoints: [proxy.endpoint] })));
    // The other has been asked before, so that its history reaches as far back.
    await agrees(read(opened(openFanout({ endpoints: [at(b)] }))));
    await agrees(reader);
    proxy.cut();
    await upstream.put(`${NODES}n1`, "second");
    await upstream.delete(`${NODES}n2`);
    await agrees(reader);
    proxy.lead(at(b));
    proxy.cut();
    await upstream.put(`${NODES}n3`, "third");
    await agrees(reader);
    await a.stop();
    await upstream.put(`${NODES}n4`, "fourth");
    await agrees(reader);
    expect([reader.lists, proxy.connections > 2]).toEqual([1, true]);
  });

  it("loses and doubles nothing for a reader whose connections break anywhere, whose history goes, while much changes", async () => {
    const random = seededRandom(Number(process.env["OCICAT_SEED"] ?? 11));
    const pick = (n: number) => random.uint32() % n;
    await start("a", { listen: { host: "127.0.0.1", port: 0 }, limits: { events: 40, size: 2 ** 20 } });
    const fanout = await start("b", { listen: { host: "127.0.0.1", port: 0 }, limits: { events: 40, size: 2 ** 20 } });
    const port = "port" in fanout.endpoint ? fanout.endpoint.port : 0;
    const proxy = await DisruptionProxy.start(`http://127.0.0.1:${port}`);
    scope.add("proxy", () => proxy.close());
    proxy.cutAfter(() => 300 + pick(6_000));
    const readers = Array.from({ length: 5 }, () => read(opened(openFanout({ endpoints: [proxy.endpoint] }))));
    for (let step = 0; step < 1_500; step++) {
      const key = `${NODES}n${pick(40)}`;
      const isThere = (await upstream.get(key)) !== undefined;
      if (isThere && pick(4) === 0) await upstream.delete(key);
      else await upstream.put(key, `${step} ${"x".repeat(pick(200))}`);
      if (pick(300) === 0) await upstream.compact((await upstream.list(NODES)).revision);
      if (pick(20) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    proxy.cutAfter(() => Number.POSITIVE_INFINITY);
    for (const reader of readers) await agrees(reader);
    expect(proxy.connections).toBeGreaterThan(10);
    expect(fanout.counters.fellBehind).toBeGreaterThan(0);
  }, 30_000);

  it("sends away who does not read, and keeps nothing for it meanwhile", async () => {
    await upstream.put(`${NODES}n`, "");
    const fanout = await start("a", { patienceMs: 300, limits: { events: 16, size: 2 ** 24 } });
    const good = read(open());
    const session = connect("http://localhost", {
      createConnection: () => connectSocket(join(dir, "a.sock")),
      settings: { initialWindowSize: 1_000 },
    });
    scope.add("slow", () => session.destroy());
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/etcdserverpb.Watch/Watch",
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    const [key, rangeEnd] = [Buffer.from(NODES), Buffer.from(`${NODES.slice(0, -1)}0`)];
    const request = create(WatchRequestSchema, {
      requestUnion: { case: "createRequest", value: { key, rangeEnd, watchId: 1n } },
    });
    stream.write(encodeFrame(WatchRequestSchema, request));
    await eventually(
      () => fanout.counters.watches,
      (watches) => watches === 2,
    );
    for (let index = 0; index < 60; index++)
      await upstream.put(`${NODES}n${index % 3}`, `${index} ${"x".repeat(40_000)}`);
    await agrees(good);
    await eventually(
      () => fanout.counters,
      ({ evicted, watches }) => evicted === 1 && watches === 1,
    );
    expect(good.lists).toBeLessThanOrEqual(2);
  });

  it("serves over TLS only who shows a certificate of its authority and of the name it wants", async () => {
    await upstream.put(`${NODES}n`, "v");
    const files = await makeCertificates(dir);
    const tls = { certFile: files.serverCert, keyFile: files.serverKey, clientCaFile: files.caFile };
    const listen = { host: "127.0.0.1", port: 0, tls: true };
    const wanted = await start("a", { tls, listen, clientName: "client" });
    const other = await start("b", { tls, listen, clientName: "somebody" });
    const over = ({ endpoint }: RunningFanout, tlsFiles: TlsFiles) =>
      opened(
        openFanout({
          endpoints: [`https://127.0.0.1:${"port" in endpoint ? endpoint.port : 0}`],
          tls: tlsFiles,
          timeoutMs: 700,
        }),
      );
    const mine = { caFile: files.caFile, certFile: files.clientCert, keyFile: files.clientKey };
    expect((await over(wanted, mine).list(NODES)).items).toHaveLength(1);
    await expect(over(wanted, { caFile: files.caFile }).list(NODES)).rejects.toThrow();
    await expect(over(other, mine).list(NODES)).rejects.toThrow();
  });
});

async function firstBatches(watch: ReturnType<FanoutClient["watch"]>, count: number) {
  const batches = [];
  for await (const batch of watch) {
    batches.push(batch);
    if (batches.length === count) break;
  }
  return batches;
}
