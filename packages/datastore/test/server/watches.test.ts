import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GrpcCode } from "../../src/grpc/index.ts";
import { Event_EventType } from "../../src/proto/kv_pb.ts";
import { KV, Watch, WatchCreateRequest_FilterType, type WatchResponse } from "../../src/proto/rpc_pb.ts";
import { TestClient, type TestStream } from "./support/client.ts";
import { startTestServer, type TestServer } from "./support/server.ts";
import { bytes, text } from "./support/store.ts";

let scope: Scope;
let server: TestServer;
let client: TestClient;
let stream: TestStream<typeof Watch.method.watch.input, typeof Watch.method.watch.output>;

beforeEach(async () => {
  scope = new Scope("watches");
  server = await startTestServer(scope);
  client = server.client;
  stream = client.stream(Watch.method.watch);
});
afterEach(() => scope.close());

/** Of 50 kB: more than the kernel keeps for a connection. */
const UPDATES = 400;
const ALL = { key: bytes("\0"), rangeEnd: bytes("\0") };
type CreateRequest = Extract<Parameters<typeof stream.send>[0]["requestUnion"], { case: "createRequest" }>["value"];

function create(value: CreateRequest): Promise<WatchResponse> {
  stream.send({ requestUnion: { case: "createRequest", value } });
  return stream.next();
}
const put = (key: string, value = "") => client.call(KV.method.put, { key: bytes(key), value: bytes(value) });
const events = (answer: WatchResponse) =>
  answer.events.map(({ type, kv, prevKv }) => {
    const sign = type === Event_EventType.DELETE ? "-" : "+";
    const before = prevKv === undefined ? "" : `(was ${text(prevKv.value)})`;
    return `${sign}${text(kv?.key ?? bytes("?"))}=${text(kv?.value ?? bytes("?"))}${before}`;
  });

describe("a watch stream", () => {
  it("numbers watches from 0 on, and lets the client choose a number", async () => {
    expect((await create(ALL)).watchId).toBe(0n);
    expect((await create({ ...ALL, watchId: 1n })).watchId).toBe(1n);
    expect((await create(ALL)).watchId).toBe(2n);
    expect((await create({ ...ALL, watchId: 77n })).watchId).toBe(77n);
  });

  it("tells with which revision a watch begins, and then its events with theirs", async () => {
    await put("a");
    const created = await create(ALL);
    expect([created.created, created.canceled, created.header?.revision]).toEqual([true, false, 2n]);
    await put("b", "1");
    const answer = await stream.next();
    expect([events(answer), answer.header?.revision]).toEqual([["+b=1"], 3n]);
  });

  it.each([
    ["a number in use", { ...ALL, watchId: 5n }, "mvcc: duplicate watch ID provided on the WatchStream"],
    ["an empty range", { key: bytes("b"), rangeEnd: bytes("a") }, "mvcc: watcher range is empty"],
  ])("refuses a watch with %s, and goes on", async (_what, request, reason) => {
    await create({ ...ALL, watchId: 5n });
    const refused = await create(request);
    expect([refused.watchId, refused.created, refused.canceled, refused.cancelReason]).toEqual([
      -1n,
      true,
      true,
      reason,
    ]);
    await put("a");
    expect(events(await stream.next())).toEqual(["+a="]);
  });

  it("ends a watch that is canceled, and only that", async () => {
    await create({ ...ALL, watchId: 5n });
    await create({ ...ALL, watchId: 6n });
    stream.send({ requestUnion: { case: "cancelRequest", value: { watchId: 5n } } });
    const canceled = await stream.next();
    expect([canceled.watchId, canceled.canceled]).toEqual([5n, true]);
    await put("a");
    expect((await stream.next()).watchId).toBe(6n);
    // Nothing else is on the way: the next answer is to the next request.
    expect((await create({ ...ALL, watchId: 5n })).created).toBe(true);
  });

  it("tells values from before, and leaves out what is filtered", async () => {
    await put("a", "1");
    const filters = [WatchCreateRequest_FilterType.NOPUT];
    await create({ ...ALL, watchId: 5n, prevKv: true, filters });
    await put("a", "2");
    await client.call(KV.method.deleteRange, { key: bytes("a") });
    const answer = await stream.next();
    expect(events(answer)).toEqual(["-a=(was 2)"]);
    expect(answer.events[0]?.kv?.modRevision).toBe(4n);
  });

  it("answers a progress request when all its watches are complete up to what it tells", async () => {
    for (let number = 0; number < 50; number++) await put("a", `${number}`);
    await create({ ...ALL, startRevision: 1n });
    stream.send({ requestUnion: { case: "progressRequest", value: {} } });
    const seen: string[] = [];
    for (let answer = await stream.next(); ; answer = await stream.next()) {
      seen.push(...events(answer));
      if (answer.watchId !== -1n) continue;
      expect(answer.header?.revision).toBe(51n);
      break;
    }
    expect(seen.length).toBe(50);
  });

  it("cuts a large revision into fragments for a client that asked for it, and for no other", async () => {
    const value = Buffer.alloc(500_000, "x");
    for (const key of ["a", "b", "c", "d", "e", "f"]) await client.call(KV.method.put, { key: bytes(key), value });
    await create({ ...ALL, watchId: 1n, prevKv: true, fragment: true });
    await create({ ...ALL, watchId: 2n, prevKv: true });
    await client.call(KV.method.deleteRange, ALL);
    const pieces = new Map<bigint, { count: number; fragment: boolean }[]>();
    for (let more = 2; more > 0; ) {
      const { watchId, events, fragment } = await stream.next();
      pieces.set(watchId, [...(pieces.get(watchId) ?? []), { count: events.length, fragment }]);
      if (!fragment) more -= 1;
    }
    const pair = { count: 3, fragment: true };
    expect(pieces.get(1n)).toEqual([pair, { ...pair, fragment: false }]);
    expect(pieces.get(2n)).toEqual([{ count: 6, fragment: false }]);
  });

  it("tells a watch that begins before history does where that is, in the words etcd's clients know", async () => {
    for (let number = 0; number < 9; number++) await put("a");
    await client.call(KV.method.compact, { revision: 8n });
    await create({ ...ALL, startRevision: 3n });
    const answer = await stream.next();
    expect(answer.cancelReason).toBe("etcdserver: mvcc: required revision has been compacted");
    expect([answer.canceled, answer.compactRevision]).toEqual([true, 8n]);
  });

  it("gives a client that did not read for a while all it missed, in order", async () => {
    const slow = new TestClient(server.endpoint);
    const size = 50_000;
    let received = 0;
    const whole = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const watch = slow.raw("/etcdserverpb.Watch/Watch", {
      data(bytes) {
        begun.resolve();
        received += bytes.length;
        if (received > UPDATES * size) whole.resolve();
      },
    });
    // WatchRequest { create_request { key: "\0", range_end: "\0" } }
    watch.write(Buffer.from([0, 0, 0, 0, 8, 0x0a, 6, 0x0a, 1, 0, 0x12, 1, 0]));
    await begun.promise;
    // Not read: the kernel's buffers fill, then what may be on the way, and then the watch is behind.
    slow.pause();
    const value = Buffer.alloc(size, "x");
    for (let number = 0; number < UPDATES; number++)
      await client.call(KV.method.put, { key: bytes(`${number}`), value });
    expect(received).toBeLessThan(UPDATES * size);
    slow.resume();
    await whole.promise;
    slow.close();
  });

  it("ends with UNAVAILABLE when the server stops, so that the client tries elsewhere", async () => {
    await create(ALL);
    await server.close();
    expect((await stream.closed)?.code).toBe(GrpcCode.UNAVAILABLE);
  });
});
