import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GrpcCode } from "../../src/grpc/index.ts";
import type { Headers } from "../../src/http2/index.ts";
import { AlarmRequest_AlarmAction, Auth, Cluster, KV, Lease, Maintenance } from "../../src/proto/rpc_pb.ts";
import type { TestClient } from "./support/client.ts";
import { startTestServer } from "./support/server.ts";
import { bytes } from "./support/store.ts";

let scope: Scope;
let client: TestClient;

beforeEach(async () => {
  scope = new Scope("requests");
  ({ client } = await startTestServer(scope, { quotaBytes: 8 * 1024 * 1024 }));
});
afterEach(() => scope.close());

const MIB = 1024 * 1024;
const put = (key: string, value: Uint8Array = bytes("")) => client.call(KV.method.put, { key: bytes(key), value });
const revision = async () => (await client.call(KV.method.range, { key: bytes("none") })).header?.revision;

describe("a request", () => {
  it("larger than 1.5 MiB is refused as etcd refuses it, before anything is written", async () => {
    const tooLarge = put("a", Buffer.alloc(1.6 * MIB));
    await expect(tooLarge).rejects.toMatchObject({
      code: GrpcCode.INVALID_ARGUMENT,
      message: "etcdserver: request is too large",
    });
    await expect(put("a", Buffer.alloc(3 * MIB))).rejects.toMatchObject({ code: GrpcCode.RESOURCE_EXHAUSTED });
    expect(await revision()).toBe(1n);
    await put("a", Buffer.alloc(1.5 * MIB - 1));
    expect(await revision()).toBe(2n);
  });

  it("that keeps the value of what it has just deleted without an end is refused, and leaves no trace", async () => {
    await put("a", bytes("1"));
    const txn = client.call(KV.method.txn, {
      success: [
        { request: { case: "requestPut", value: { key: bytes("other") } } },
        { request: { case: "requestDeleteRange", value: { key: bytes("a"), rangeEnd: bytes("\0") } } },
        { request: { case: "requestPut", value: { key: bytes("a"), ignoreValue: true } } },
      ],
    });
    await expect(txn).rejects.toMatchObject({ message: "etcdserver: key not found" });
    const all = await client.call(KV.method.range, { key: bytes("\0"), rangeEnd: bytes("\0") });
    expect([all.header?.revision, all.kvs.length]).toEqual([2n, 1]);
  });

  it("for a method we do not have is answered UNIMPLEMENTED", async () => {
    const unknown = { ...KV.method.put, name: "Unheard" };
    await expect(client.call(unknown, {})).rejects.toMatchObject({ code: GrpcCode.UNIMPLEMENTED });
  });

  it("that makes no sense is answered, and the connection goes on", async () => {
    const headers = await new Promise<Headers>((resolve) => {
      client.raw("/etcdserverpb.KV/Put", { headers: resolve }).end(Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
    });
    expect(headers["grpc-status"]).toBe(`${GrpcCode.INTERNAL}`);
    expect((await put("a")).header?.revision).toBe(2n);
  });
});

describe("a full store", () => {
  it("refuses puts and leases, not deletes and compaction, and takes puts again when these have made room", async () => {
    const value = Buffer.alloc(MIB);
    const filled = (async () => {
      for (let number = 0; number < 20; number++) await put(`${number}`, value);
    })();
    const full = { code: GrpcCode.RESOURCE_EXHAUSTED, message: "etcdserver: mvcc: database space exceeded" };
    await expect(filled).rejects.toMatchObject(full);
    await expect(client.call(Lease.method.leaseGrant, { TTL: 60n })).rejects.toMatchObject(full);
    const success = [{ request: { case: "requestPut" as const, value: { key: bytes("a") } } }];
    await expect(client.call(KV.method.txn, { success })).rejects.toMatchObject(full);

    const deleted = await client.call(KV.method.deleteRange, { key: bytes("\0"), rangeEnd: bytes("\0") });
    await client.call(KV.method.compact, { revision: deleted.header?.revision ?? 0n, physical: true });
    await expect(put("a", value)).resolves.toBeDefined();
  });
});

describe("an operator's question", () => {
  it("about the state is answered with sizes, revision and leader", async () => {
    await put("a", Buffer.alloc(MIB));
    const status = await client.call(Maintenance.method.status, {});
    expect(status.version).toMatch(/^3\.5\.\d+\+ocicat/);
    expect(status.leader).toBe(status.header?.memberId);
    expect([status.raftIndex, status.raftAppliedIndex, status.header?.revision]).toEqual([2n, 2n, 2n]);
    expect(Number(status.dbSizeInUse)).toBeGreaterThan(MIB);
    expect(status.dbSize).toBeGreaterThanOrEqual(status.dbSizeInUse);
  });

  it("about the members is answered with one that is reached where it listens", async () => {
    const { header, members } = await client.call(Cluster.method.memberList, {});
    expect(members.length).toBe(1);
    expect(members[0]?.ID).toBe(header?.memberId);
    expect(members[0]?.clientURLs[0]).toMatch(/^unix:\/\/\//);
  });

  it("about the contents is answered with a checksum that changes with them", async () => {
    const hash = async (of = 0n) => (await client.call(Maintenance.method.hashKV, { revision: of })).hash;
    await put("a");
    const before = await hash();
    await put("b");
    expect(await hash()).not.toBe(before);
    expect(await hash(2n)).toBe(before);
    await expect(hash(99n)).rejects.toMatchObject({ code: GrpcCode.OUT_OF_RANGE });
    expect((await client.call(Maintenance.method.hash, {})).hash).toBe(await hash());
  });

  it("about alarms is answered that there are none, and none can be raised", async () => {
    expect((await client.call(Maintenance.method.alarm, {})).alarms).toEqual([]);
    const raised = client.call(Maintenance.method.alarm, { action: AlarmRequest_AlarmAction.ACTIVATE });
    await expect(raised).rejects.toMatchObject({ code: GrpcCode.UNIMPLEMENTED });
  });

  it("for a snapshot, or as a user, is declined with the reason", async () => {
    const snapshot = client.stream(Maintenance.method.snapshot);
    snapshot.send({});
    const refused = await snapshot.closed;
    expect(refused?.code).toBe(GrpcCode.UNIMPLEMENTED);
    expect(refused?.message).toContain("ocicat datastore backup");
    await expect(client.call(Auth.method.authenticate, { name: "a" })).rejects.toMatchObject({
      code: GrpcCode.FAILED_PRECONDITION,
      message: "etcdserver: authentication is not enabled",
    });
  });

  it("to defragment is answered when the file is written anew", async () => {
    await put("a", bytes("1"));
    await client.call(Maintenance.method.defragment, {});
    expect((await put("b")).header?.revision).toBe(3n);
  });
});
