import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EtcdDatastore, type EtcdOptions, openEtcd } from "../../src/etcd/index.ts";
import { GrpcCode, GrpcError } from "../../src/grpc/index.ts";
import { ErrorCode } from "../../src/http2/index.ts";
import { Event_EventType } from "../../src/proto/kv_pb.ts";
import { KV, PutResponseSchema, RangeResponseSchema } from "../../src/proto/rpc_pb.ts";
import { failsWith } from "../support/expect.ts";
import { Member, type WatchStream } from "../support/member.ts";

/** What a member may answer, and what the client makes of it: cases a real etcd cannot be brought to at will. */

let members: Member[] = [];
let opened: EtcdDatastore[] = [];

beforeEach(async () => {
  members = [await Member.start(), await Member.start()];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
  for (const member of members) await member.stop();
});

/** Begins at the first of the members. */
function open(options: Partial<EtcdOptions> = {}): EtcdDatastore {
  const random = { uint32: () => 0 };
  const store = openEtcd({ endpoints: members.map((each) => each.endpoint), timeoutMs: 2_000, random, ...options });
  opened.push(store);
  return store;
}

function member(index: number): Member {
  const found = members[index];
  if (found === undefined) throw new Error("no such member");
  return found;
}

const put = (revision: bigint) => create(PutResponseSchema, { header: { revision } });
const nothing = (revision: bigint) => create(RangeResponseSchema, { header: { revision } });

/** An answer for each call, in turn; the last one goes on. */
function inTurn<T>(...answers: (T | GrpcError)[]): { readonly answer: () => T; readonly calls: () => number } {
  let calls = 0;
  return {
    answer: () => {
      const next = answers[Math.min(calls++, answers.length - 1)];
      if (next === undefined) throw new Error("no answer");
      if (next instanceof GrpcError) throw next;
      return next;
    },
    calls: () => calls,
  };
}

describe("a status from the peer", () => {
  const unavailable = (text: string) => new GrpcError(GrpcCode.UNAVAILABLE, `etcdserver: ${text}`);

  it("that leaves a write in doubt is UNKNOWN_OUTCOME, and the write is not repeated", async () => {
    const doubtful = [
      unavailable("request timed out"),
      unavailable("leader changed"),
      new GrpcError(GrpcCode.DEADLINE_EXCEEDED, "context deadline exceeded"),
      new GrpcError(GrpcCode.UNKNOWN, "raft: stopped"),
      new GrpcError(GrpcCode.INTERNAL, "stream terminated"),
    ];
    const script = inTurn(...doubtful, put(5n));
    member(0).router.unary(KV.method.put, script.answer);
    const store = open();
    for (const [index, status] of doubtful.entries()) {
      const error = await failsWith(store.put("/a", "1"), "UNKNOWN_OUTCOME");
      expect(error.message).toContain(status.message);
      expect(script.calls()).toBe(index + 1);
    }
    expect(await store.put("/a", "1")).toMatchObject({ modRevision: 5n });
  });

  it("that makes a read wait is waited for", async () => {
    const script = inTurn(unavailable("request timed out"), unavailable("leader changed"), nothing(7n));
    member(0).router.unary(KV.method.range, script.answer);
    expect((await open().list("/")).revision).toBe(7n);
    expect(script.calls()).toBe(3);
  });

  it("that says a write was not even tried lets it be repeated", async () => {
    const script = inTurn(new GrpcError(GrpcCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests"), put(5n));
    member(0).router.unary(KV.method.put, script.answer);
    expect(await open().put("/a", "1")).toMatchObject({ modRevision: 5n });
    expect(script.calls()).toBe(2);
  });

  it("without a leader sends reads, writes and watches to another member", async () => {
    const noLeader = inTurn<never>(unavailable("no leader"));
    member(0).router.unary(KV.method.put, noLeader.answer);
    member(1).router.unary(KV.method.put, () => put(9n));
    member(1).router.unary(KV.method.range, () => nothing(9n));
    member(0).onWatchRequest = (_request, stream) => stream.call.end(unavailable("no leader"));
    const store = open();
    const watch = store.watch("/", { from: 5n });
    await member(1).until(() => member(1).watchStreams.length > 0);
    expect(await store.put("/a", "1")).toMatchObject({ modRevision: 9n });
    expect((await store.list("/")).revision).toBe(9n);
    watch.close();
  });

  it("has the code that callers go by, and its text", async () => {
    const cases = [
      [GrpcCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", "COMPACTED"],
      [GrpcCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision", "FUTURE_REVISION"],
      [GrpcCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", "NO_SPACE"],
      [GrpcCode.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5 vs. 4)", "TOO_LARGE"],
      [GrpcCode.INVALID_ARGUMENT, "etcdserver: request is too large", "TOO_LARGE"],
      [GrpcCode.INVALID_ARGUMENT, "etcdserver: too many operations in txn request", "TOO_LARGE"],
      [GrpcCode.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request", "INVALID"],
      [GrpcCode.NOT_FOUND, "etcdserver: requested lease not found", "NOT_FOUND"],
      [GrpcCode.PERMISSION_DENIED, "etcdserver: permission denied", "PERMISSION_DENIED"],
      [GrpcCode.UNIMPLEMENTED, "unknown method", "UNSUPPORTED"],
    ] as const;
    const statuses = cases.map(([code, text]) => new GrpcError(code, text));
    member(0).router.unary(KV.method.put, inTurn<never>(...statuses).answer);
    const store = open();
    for (const [, text, code] of cases) {
      const error = await failsWith(store.put("/key", "1"), code);
      expect(error.message).toContain(text);
      expect(error.message).toContain("put /key");
      // The server has decided: asking again changes nothing.
      expect(error.retryable).toBe(false);
    }
  });
});

describe("a connection that is taken away politely", () => {
  it("finishes the calls on it, while new ones and the watches move on", async () => {
    const [arrived, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<bigint>()];
    member(0).router.unary(KV.method.put, async () => {
      arrived.resolve();
      return put(await answer.promise);
    });
    member(1).router.unary(KV.method.range, () => nothing(9n));
    const store = open();
    const watch = store.watch("/", { from: 5n });
    await member(0).until(() => member(0).watchStreams.length > 0);
    const slow = store.put("/a", "1");
    await arrived.promise;
    member(0).sessions[0]?.goaway(ErrorCode.NO_ERROR);
    await member(1).until(() => member(1).watchStreams.length > 0);
    expect((await store.list("/")).revision).toBe(9n);
    answer.resolve(4n);
    expect(await slow).toMatchObject({ modRevision: 4n });
    watch.close();
  });

  it("a write on a refused stream was never begun, and is repeated", async () => {
    let streams = 0;
    const { router } = member(0);
    const handle = router.handle.bind(router);
    router.handle = (stream, headers) => {
      if (streams++ === 0) stream.reset(ErrorCode.REFUSED_STREAM, "busy");
      return handle(stream, headers);
    };
    for (const { router: each } of members) each.unary(KV.method.put, () => put(5n));
    expect(await open().put("/a", "1")).toMatchObject({ modRevision: 5n });
    expect(streams).toBe(1);
  });
});

describe("many calls", () => {
  it("share one connection", async () => {
    member(0).router.unary(KV.method.put, () => put(5n));
    const store = open();
    await Promise.all(Array.from({ length: 300 }, (_, index) => store.put(`/${index}`, "")));
    expect(member(0).sessions).toHaveLength(1);
  });
});

describe("a watch response", () => {
  const event = (key: string, modRevision: bigint) => ({
    type: Event_EventType.PUT,
    kv: { key: Buffer.from(key), value: Buffer.from("x"), modRevision, createRevision: modRevision, version: 1n },
  });
  const header = (revision: bigint) => ({ header: { revision } });
  const created = (watchId: bigint) => ({ ...header(100n), watchId, created: true });

  /** Confirms every creation; then the test speaks for the member. */
  async function watching(
    count: number,
  ): Promise<{ store: EtcdDatastore; stream: WatchStream; next: (() => Promise<unknown>)[] }> {
    member(0).onWatchRequest = ({ requestUnion }, stream) => {
      if (requestUnion.case === "createRequest") stream.send(created(requestUnion.value.watchId));
    };
    const store = open();
    const iterators = Array.from({ length: count }, () => store.watch("/", { from: 10n })[Symbol.asyncIterator]());
    await member(0).until(() => member(0).watchStreams[0]?.requests.length === count);
    const stream = member(0).watchStreams[0];
    if (stream === undefined) throw new Error("no watch stream");
    return { store, stream, next: iterators.map((iterator) => () => iterator.next().then((each) => each.value)) };
  }

  it("in fragments is one batch, whatever comes between them for other watches", async () => {
    const { stream, next } = await watching(2);
    stream.send({ ...header(20n), watchId: 1n, fragment: true, events: [event("/a", 20n)] });
    stream.send({ ...header(20n), watchId: 2n, events: [event("/a", 20n)] });
    stream.send({ ...header(20n), watchId: 1n, fragment: true, events: [event("/b", 20n)] });
    stream.send({ ...header(20n), watchId: 1n, events: [event("/c", 20n)] });
    expect(await next[1]?.()).toMatchObject({ revision: 20n, events: [{ item: { key: "/a" } }] });
    expect(await next[0]?.()).toMatchObject({
      revision: 20n,
      events: [{ item: { key: "/a" } }, { item: { key: "/b" } }, { item: { key: "/c" } }],
    });
  });

  it("half told when the connection breaks is told again, whole", async () => {
    const { stream, next } = await watching(1);
    stream.send({ ...header(20n), watchId: 1n, events: [event("/a", 19n)] });
    expect(await next[0]?.()).toMatchObject({ revision: 19n });
    stream.send({ ...header(20n), watchId: 1n, fragment: true, events: [event("/a", 20n)] });
    member(0).sessions[0]?.destroy();
    await member(1).until(() => member(1).watchStreams[0]?.requests.length === 1);
    const again = member(1).watchStreams[0];
    const request = again?.requests[0]?.requestUnion;
    // One before what is missing, which is dropped: see Watches.
    expect(request).toMatchObject({ case: "createRequest", value: { startRevision: 19n } });
    again?.send(created(1n));
    again?.send({ ...header(20n), watchId: 1n, events: [event("/a", 19n), event("/a", 20n), event("/b", 20n)] });
    expect(await next[0]?.()).toMatchObject({
      revision: 20n,
      events: [{ item: { key: "/a" } }, { item: { key: "/b" } }],
    });
  });

  it("to a creation does not count as progress; one without events does", async () => {
    const { stream } = await watching(2);
    stream.send({ ...header(50n), watchId: 2n });
    stream.call.end();
    await member(0).until(() => member(0).watchStreams[1]?.requests.length === 2);
    const starts = member(0).watchStreams[1]?.requests.map(
      ({ requestUnion }) => requestUnion.case === "createRequest" && requestUnion.value.startRevision,
    );
    expect(starts).toEqual([9n, 50n]);
  });

  it("that refuses a creation without its id ends the watch it is about, and no other", async () => {
    member(0).onWatchRequest = ({ requestUnion }, stream) => {
      if (requestUnion.case !== "createRequest") return;
      const { watchId } = requestUnion.value;
      if (watchId !== 2n) stream.send(created(watchId));
      else stream.send({ ...created(-1n), canceled: true, cancelReason: "etcdserver: bad luck" });
    };
    const store = open();
    const iterators = ["/a", "/b", "/c"].map((prefix) => store.watch(prefix, { from: 10n })[Symbol.asyncIterator]());
    const second = iterators[1]?.next() ?? Promise.resolve();
    const error = await failsWith(second, "INTERNAL");
    expect(error.message).toContain("bad luck");
    member(0).watchStreams[0]?.send({ ...header(20n), watchId: 3n, events: [event("/c", 20n)] });
    expect((await iterators[2]?.next())?.value).toMatchObject({ revision: 20n });
  });

  it("with bytes that are no text ends the watch with INVALID instead of changing them", async () => {
    const { stream, next } = await watching(1);
    const kv = { key: Buffer.from("/a"), value: Buffer.of(0xff, 0xfe), modRevision: 20n };
    stream.send({ ...header(20n), watchId: 1n, events: [{ type: Event_EventType.PUT, kv }] });
    const error = await failsWith(next[0]?.() ?? Promise.resolve(), "INVALID");
    expect(error.message).toContain("/a");
  });
});
