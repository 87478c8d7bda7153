import { join } from "node:path";
import { type DescMethodUnary, type MessageShape, toJson } from "@bufbuild/protobuf";
import { systemClock } from "@ocicat/datastore/etcd";
import { startServer } from "@ocicat/datastore/server";
import { Scope, seededRandom, silentLogger } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrpcError } from "../../src/grpc/index.ts";
import { type Event, EventSchema } from "../../src/proto/kv_pb.ts";
import { KV, Lease, Watch } from "../../src/proto/rpc_pb.ts";
import { startEtcd } from "../support/etcd.ts";
import { TestClient } from "./support/client.ts";
import { temporaryDirectory } from "./support/processes.ts";
import { type RandomRequest, RequestMaker } from "./support/requests.ts";

/**
 * The same random requests to Debian's etcd and to our server, one after the other: every answer must be the same, faults
 * with their code and text included. Both begin empty, so that their revisions are the same numbers.
 */
const SEEDS = [1, 2, 3, 4];
const REQUESTS = 300;

const scope = new Scope("differential test");
let theirs: TestClient;
let ours: TestClient;

beforeAll(async () => {
  const etcd = await startEtcd();
  scope.add("etcd", () => etcd.stop());
  const { hostname, port } = new URL(etcd.endpoint);
  theirs = new TestClient({ host: hostname, port: Number(port) });
  scope.add("client of etcd", () => theirs.close());
  const directory = temporaryDirectory(scope);
  const server = await startServer({
    listen: [{ path: join(directory, "socket") }],
    dataFile: join(directory, "data"),
    clock: systemClock,
    logger: silentLogger,
  });
  scope.add("server", () => server.close());
  ours = new TestClient({ path: join(directory, "socket") });
  scope.add("client of ours", () => ours.close());
});
afterAll(() => scope.close());

describe("our server and etcd", () => {
  it.each(SEEDS)("answer the random requests of seed %i alike", async (seed) => {
    const requests = new RequestMaker(seededRandom(seed));
    for (let number = 0; number < REQUESTS; number++) {
      const request = requests.next(await revisionOf(ours));
      const expected = await outcome(theirs, request);
      expect(await outcome(ours, request), `request ${number}: ${show(request)}`).toEqual(expected);
    }
  });

  it("tell the same history to a watch that begins where history begins", async () => {
    const last = await revisionOf(ours);
    const history = await Promise.all([historyOf(theirs, last), historyOf(ours, last)]);
    expect(history[1].length).toBeGreaterThan(10);
    expect(history[1]).toEqual(history[0]);
  });
});

async function revisionOf(client: TestClient): Promise<bigint> {
  const { header } = await client.call(KV.method.range, { key: Buffer.from("none"), countOnly: true });
  return header?.revision ?? 0n;
}

function outcome(client: TestClient, random: RandomRequest): Promise<unknown> {
  switch (random.kind) {
    case "range":
      return told(KV.method.range, client.call(KV.method.range, random.request));
    case "put":
      return told(KV.method.put, client.call(KV.method.put, random.request));
    case "deleteRange":
      return told(KV.method.deleteRange, client.call(KV.method.deleteRange, random.request));
    case "txn":
      return told(KV.method.txn, client.call(KV.method.txn, random.request));
    case "compact":
      return told(KV.method.compact, client.call(KV.method.compact, random.request));
    case "leaseGrant":
      return told(Lease.method.leaseGrant, client.call(Lease.method.leaseGrant, random.request));
    case "leaseRevoke":
      return told(Lease.method.leaseRevoke, client.call(Lease.method.leaseRevoke, random.request));
  }
}

/** The answer or the fault, without what tells one cluster from another. */
async function told<Method extends DescMethodUnary>(
  method: Method,
  answer: Promise<MessageShape<Method["output"]>>,
): Promise<unknown> {
  try {
    return JSON.parse(
      JSON.stringify(toJson(method.output, await answer), (name, value: unknown) =>
        ["clusterId", "memberId", "raftTerm"].includes(name) ? undefined : value,
      ),
    );
  } catch (error) {
    if (error instanceof GrpcError) return { code: error.code, message: error.message };
    throw error;
  }
}

/** All events from the first revision that can still be watched up to `last`. */
async function historyOf(client: TestClient, last: bigint): Promise<unknown[]> {
  const watch = client.stream(Watch.method.watch);
  const events: Event[] = [];
  let from = 1n;
  for (let watchId = 1n; (events.at(-1)?.kv?.modRevision ?? 0n) < last; watchId++) {
    const createRequest = { key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]), startRevision: from, watchId };
    watch.send({ requestUnion: { case: "createRequest", value: { ...createRequest, prevKv: true } } });
    for (let answer = await watch.next(); ; answer = await watch.next()) {
      events.push(...answer.events);
      if (answer.compactRevision !== 0n) from = answer.compactRevision;
      if (answer.canceled || (events.at(-1)?.kv?.modRevision ?? 0n) >= last) break;
    }
  }
  watch.end();
  // At the compact revision itself what was before is gone, and whether it is still told is a matter of chance.
  return events.filter((event) => event.kv?.modRevision !== from).map((event) => toJson(EventSchema, event));
}

function show(random: RandomRequest): string {
  return JSON.stringify(random, (_name, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}
