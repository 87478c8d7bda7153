import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Scope } from "@ocicat/kit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Datastore } from "../../src/datastore.ts";
import { type EtcdDatastore, type EtcdOptions, openEtcd } from "../../src/etcd/index.ts";
import { BACKENDS } from "../support/backends.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { startEtcd } from "../support/etcd.ts";
import { etcdctl } from "../support/etcdctl.ts";
import { failsWith } from "../support/expect.ts";
import { DisruptionProxy } from "../support/proxy.ts";

let opened: Datastore[] = [];

function open(options: EtcdOptions): EtcdDatastore {
  const store = openEtcd(options);
  opened.push(store);
  return store;
}

afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
});

describe.each(BACKENDS)("user name and password with %s", (_name, start) => {
  const alice = { username: "alice", password: "wonderland" };
  const root = ["--user", "root:secret"] as const;
  const scope = new Scope("users");
  let endpoint: string;

  beforeAll(async () => {
    endpoint = await start(scope);
    const admin = (...args: string[]) => etcdctl(endpoint, ...args);
    await admin("user", "add", "root:secret");
    await admin("user", "grant-role", "root", "root");
    await admin("user", "add", "alice:wonderland");
    await admin("role", "add", "own");
    await admin("role", "grant-permission", "own", "--prefix=true", "readwrite", "/alice/");
    await admin("user", "grant-role", "alice", "own");
    await admin("auth", "enable");
  });
  afterAll(() => scope.close());

  it("opens what the user may read, write and watch, and nothing else", async () => {
    const store = open({ endpoints: [endpoint], credentials: alice });
    const { modRevision } = await store.put("/alice/a", "1");
    expect(await store.get("/alice/a")).toMatchObject({ value: "1" });
    const watch = store.watch("/alice/", { from: modRevision });
    expect((await watch[Symbol.asyncIterator]().next()).value).toMatchObject({ revision: modRevision });

    const error = await failsWith(store.get("/bob/a"), "PERMISSION_DENIED");
    expect(error.message).toContain("/bob/a");
    await failsWith(store.put("/bob/a", "1"), "PERMISSION_DENIED");
    await failsWith(store.watch("/bob/", { from: 1n })[Symbol.asyncIterator]().next(), "PERMISSION_DENIED");
    expect(await etcdctl(endpoint, ...root, "get", "--prefix", "/bob/")).toBe("");
  });

  it("missing or wrong is UNAUTHENTICATED, and the password is not in the message", async () => {
    await failsWith(open({ endpoints: [endpoint] }).get("/alice/a"), "UNAUTHENTICATED");
    const wrong = { ...alice, password: "looking-glass" };
    const store = open({ endpoints: [endpoint], credentials: wrong });
    const error = await failsWith(store.put("/alice/a", "2"), "UNAUTHENTICATED");
    expect(error.message).toContain("alice");
    expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain("looking-glass");
    await failsWith(store.watch("/alice/", { from: 1n })[Symbol.asyncIterator]().next(), "UNAUTHENTICATED");
  });

  it("a new token is fetched when the server no longer takes the old one; running watches go on", async () => {
    const store = open({ endpoints: [endpoint], credentials: alice });
    const first = await store.put("/alice/b", "1");
    const running = store.watch("/alice/", { from: first.modRevision + 1n })[Symbol.asyncIterator]();
    for (const round of [1, 2, 3]) {
      // Every change of roles makes the tokens of before worthless.
      await etcdctl(endpoint, ...root, "role", "grant-permission", "own", "read", `/other/${round}`);
      const written = await store.put("/alice/b", `round ${round}`);
      const { value: batch } = await running.next();
      expect(batch.events).toEqual([{ type: "put", item: written, previous: undefined }]);
      const late = store.watch("/alice/", { from: written.modRevision })[Symbol.asyncIterator]();
      expect((await late.next()).value).toMatchObject({ revision: written.modRevision });
    }
  });

  it("a watch opened with a worthless token gets a new one by itself", async () => {
    const store = open({ endpoints: [endpoint], credentials: alice });
    const { modRevision } = await store.put("/alice/c", "1");
    const running = store.watch("/alice/none", { from: modRevision })[Symbol.asyncIterator]();
    await etcdctl(endpoint, ...root, "role", "grant-permission", "own", "read", "/other/9");
    const late = store.watch("/alice/c", { from: modRevision })[Symbol.asyncIterator]();
    expect((await late.next()).value).toMatchObject({ revision: modRevision });
    await store.put("/alice/none", "1");
    expect((await running.next()).value?.events).toHaveLength(1);
  });

  it("given to a server that knows no users is no obstacle", async () => {
    const store = open({ endpoints: [await start(scope)], credentials: alice });
    expect(await store.put("/a", "1")).toMatchObject({ version: 1n });
  });
});

describe.each(BACKENDS)("TLS with %s", (_name, start) => {
  const scope = new Scope("TLS");
  let directory: string;
  let files: Certificates;
  let endpoint: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "oct-tls-"));
    files = await makeCertificates(directory);
    const tls = { certFile: files.serverCert, keyFile: files.serverKey, clientCaFile: files.caFile };
    endpoint = await start(scope, { tls });
  });
  afterAll(async () => {
    await scope.close();
    await rm(directory, { recursive: true, force: true });
  });

  const client = () => ({ certFile: files.clientCert, keyFile: files.clientKey });

  it("both sides prove who they are", async () => {
    const tls = { caFile: files.caFile, ...client() };
    const store = open({ endpoints: [endpoint], tls });
    const { modRevision } = await store.put("/a", "1");
    const watch = store.watch("/", { from: modRevision });
    expect((await watch[Symbol.asyncIterator]().next()).value).toMatchObject({ revision: modRevision });
  });

  it("the server's certificate may be for another name, if that is said", async () => {
    const tls = { caFile: files.caFile, serverName: "etcd.test", ...client() };
    expect(await open({ endpoints: [endpoint], tls }).put("/b", "1")).toMatchObject({ version: 1n });
    const wrong = open({ endpoints: [endpoint], tls: { ...tls, serverName: "evil.test" }, timeoutMs: 300 });
    expect((await failsWith(wrong.get("/a"), "UNAVAILABLE")).message).toContain("evil.test");
  });

  it("an unknown authority, a missing client certificate and a missing file each say so", async () => {
    const reasons = [
      { tls: client(), message: /certificate/ },
      { tls: { caFile: files.caFile }, message: /certificate|closed/ },
      { tls: { caFile: join(directory, "none.crt") }, message: /none\.crt/ },
    ];
    for (const { tls, message } of reasons) {
      const store = open({ endpoints: [endpoint], tls, timeoutMs: 400 });
      expect((await failsWith(store.get("/a"), "UNAVAILABLE")).message).toMatch(message);
    }
  });
});

describe("a Unix socket", () => {
  it("is an endpoint like any other", async () => {
    const directory = await mkdtemp(join(tmpdir(), "oct-unix-"));
    const path = join(directory, "etcd.sock");
    const etcd = await startEtcd();
    const proxy = await DisruptionProxy.start(etcd.endpoint, path);
    try {
      const store = open({ endpoints: [`unix://${path}`] });
      const { modRevision } = await store.put("/a", "1");
      expect(await store.get("/a")).toMatchObject({ modRevision });
      expect(proxy.connections).toBe(1);
      const none = open({ endpoints: [`unix://${path}.none`], timeoutMs: 200 });
      expect((await failsWith(none.get("/a"), "UNAVAILABLE")).message).toContain("ENOENT");
      await store.close();
    } finally {
      await proxy.close();
      await etcd.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
