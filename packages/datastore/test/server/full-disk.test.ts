import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type EtcdDatastore, openEtcd } from "@ocicat/datastore/etcd";
import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DatastoreError } from "../../src/errors.ts";
import { AlarmRequest_AlarmAction, AlarmType, Maintenance } from "../../src/proto/rpc_pb.ts";
import { failsWith } from "../support/expect.ts";
import { TestClient } from "./support/client.ts";
import {
  kill,
  type Mounts,
  type ServerProcess,
  startMounts,
  startServerProcess,
  temporaryDirectory,
} from "./support/processes.ts";

/** The server on a disk of 24 MiB (a tmpfs in a mount namespace of its own), filled by itself and by others. */
const VALUE = "x".repeat(64 * 1024);

let scope: Scope;
let mounts: Mounts;
let disk: string;
let socket: string;
let server: ServerProcess;
let store: EtcdDatastore;

beforeEach(async () => {
  scope = new Scope("full disk");
  const directory = temporaryDirectory(scope);
  disk = join(directory, "disk");
  socket = join(directory, "socket");
  mkdirSync(disk);
  mounts = await startMounts(scope, `mount -t tmpfs -o size=24m none ${disk}`);
  server = await start();
  store = openEtcd({ endpoints: [`unix://${socket}`] });
  scope.add("client", () => store.close());
});
afterEach(() => scope.close());

const start = () => startServerProcess(scope, join(disk, "data"), socket, mounts.enter);

/** Writes until one is refused; returns what was acknowledged, with its revision, and the refusal. */
async function fill(prefix: string): Promise<{ readonly keys: Map<string, bigint>; readonly error: DatastoreError }> {
  const keys = new Map<string, bigint>();
  for (let index = 0; ; index++) {
    const key = `${prefix}${String(index).padStart(4, "0")}`;
    try {
      keys.set(key, (await store.put(key, VALUE)).modRevision);
    } catch (error) {
      if (!(error instanceof DatastoreError)) throw error;
      return { keys, error };
    }
  }
}

async function expectStored(keys: ReadonlyMap<string, bigint>, prefix: string): Promise<void> {
  const { items } = await store.list(prefix);
  expect(items.map(({ key, modRevision }) => [key, modRevision])).toEqual([...keys]);
  expect(items.every(({ value }) => value === VALUE)).toBe(true);
}

/** Somebody else's file takes every byte that is left. */
function takeAll(): string {
  const path = mounts.outside(join(disk, "theirs"));
  const file = openSync(path, "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
  return path;
}

const alarms = async () => {
  const client = new TestClient({ path: socket });
  const answer = await client.call(Maintenance.method.alarm, { action: AlarmRequest_AlarmAction.GET });
  client.close();
  return answer.alarms.map(({ alarm }) => alarm);
};

describe("a full disk", () => {
  it("refuses puts with a typed error and an alarm, keeps what was acknowledged, and takes them again when there is room", async () => {
    const { keys, error } = await fill("/a/");
    expect(keys.size).toBeGreaterThan(50);
    expect(error).toMatchObject({ code: "NO_SPACE", retryable: false });
    expect(error.message).toMatch(/put \/a\/\d+ failed \(etcdserver: mvcc: database space exceeded\); make room/);
    expect(await alarms()).toEqual([AlarmType.NOSPACE]);
    await expectStored(keys, "/a/");
    await failsWith(store.grantLease(60), "NO_SPACE");
    expect(server.log().match(/NOSPACE.*the disk is full/g)).toHaveLength(1);

    for (const key of [...keys.keys()].slice(0, 40)) await store.delete(key);
    await store.compact((await store.list("/a/", { limit: 1 })).revision);
    await expect.poll(alarms).toEqual([]);
    const again = await fill("/b/");
    expect(again.keys.size).toBeGreaterThan(20);
    await expectStored(again.keys, "/b/");
  });

  it("that others have filled to the last byte leaves reads, deletes and compaction, and loses nothing to a crash", async () => {
    const acknowledged = new Map<string, bigint>();
    for (let index = 100; index < 140; index++) {
      acknowledged.set(`/a/${index}`, (await store.put(`/a/${index}`, VALUE)).modRevision);
    }
    const theirs = takeAll();
    const { error } = await fill("/none/");
    expect(error.code).toBe("NO_SPACE");
    const more = [...(await store.list("/none/")).items];
    await expectStored(acknowledged, "/a/");
    for (const key of ["/a/100", "/a/101"]) {
      await store.delete(key);
      acknowledged.delete(key);
    }
    await store.compact((await store.list("/a/", { limit: 1 })).revision);

    await kill(server.child);
    // It starts there too: what it has in its log it need not write again. Only a new log would want room.
    server = await start();
    await expectStored(acknowledged, "/a/");
    expect((await store.list("/none/")).items).toEqual(more);
    await failsWith(store.put("/b", VALUE), "NO_SPACE");

    rmSync(theirs);
    await expect.poll(() => store.put("/b", VALUE).then(() => "taken", String)).toBe("taken");
    expect(await alarms()).toEqual([]);
    await expectStored(acknowledged, "/a/");
  });

  it("is what keeps a server from starting where there is no room for its files, and it says so", async () => {
    await kill(server.child);
    takeAll();
    const attempt = startServerProcess(scope, join(disk, "other"), `${socket}2`, mounts.enter);
    await expect(attempt).rejects.toThrow(/DATA_FILE_UNUSABLE|cannot be opened.*has space/s);
  });
});
