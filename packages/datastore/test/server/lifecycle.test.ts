import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { type ListenAddress, type RunningServer, ServerError, startServer } from "@ocicat/datastore/server";
import { Scope, silentLogger, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GrpcCode } from "../../src/grpc/index.ts";
import { KV, Lease } from "../../src/proto/rpc_pb.ts";
import { TestClient } from "./support/client.ts";
import { kill, startServerProcess, temporaryDirectory } from "./support/processes.ts";
import { bytes } from "./support/store.ts";

let scope: Scope;
let directory: string;
let socket: string;

beforeEach(() => {
  scope = new Scope("lifecycle");
  directory = temporaryDirectory(scope);
  socket = join(directory, "socket");
});
afterEach(() => scope.close());

async function start(...listen: ListenAddress[]): Promise<RunningServer> {
  const dataFile = join(directory, "data");
  const server = await startServer({ listen, dataFile, clock: systemClock, logger: silentLogger });
  scope.add("server", () => server.close());
  return server;
}

async function refusal(...listen: ListenAddress[]): Promise<string> {
  const error = await start(...listen).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ code: "LISTEN_FAILED" });
  // The file is let go: the next attempt gets as far as this one.
  return error instanceof Error ? error.message : "";
}

async function putAt(endpoint: ListenAddress, key: string): Promise<bigint | undefined> {
  const client = new TestClient(endpoint);
  try {
    return (await client.call(KV.method.put, { key: bytes(key) })).header?.revision;
  } finally {
    client.close();
  }
}

describe("a server", () => {
  it("listens on TCP ports and Unix sockets at once, and tells which port it got", async () => {
    const { endpoints } = await start({ host: "127.0.0.1", port: 0 }, { path: socket }, { host: "::1", port: 0 });
    const revisions: (bigint | undefined)[] = [];
    for (const endpoint of endpoints) revisions.push(await putAt(endpoint, "a"));
    expect(revisions).toEqual([2n, 3n, 4n]);
  });

  it("gives its socket to this user alone", async () => {
    await start({ path: socket });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  it("takes the place of one that was killed", async () => {
    const { child } = await startServerProcess(scope, join(directory, "data"), socket);
    expect(await putAt({ path: socket }, "a")).toBe(2n);
    await kill(child);
    expect(existsSync(socket)).toBe(true);
    await start({ path: socket });
    expect(await putAt({ path: socket }, "b")).toBe(3n);
  });

  it("is refused a socket that somebody answers on, and a file that is not a socket", async () => {
    const other = createServer().listen(socket);
    scope.add("other", () => void other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    expect(await refusal({ path: socket })).toContain("another process listens there");
    const file = join(directory, "file");
    writeFileSync(file, "precious");
    expect(await refusal({ path: file })).toContain("not a socket");
    expect(existsSync(file)).toBe(true);
  });

  it("is refused a port that is taken, and an address of another machine, and then holds nothing", async () => {
    const { endpoints } = await startServer({
      listen: [{ host: "127.0.0.1", port: 0 }],
      dataFile: join(directory, "other"),
      clock: systemClock,
      logger: silentLogger,
    }).then((server) => {
      scope.add("other server", () => server.close());
      return server;
    });
    const [taken] = endpoints;
    if (taken === undefined) throw new Error("no endpoint");
    expect(await refusal({ path: socket }, taken)).toContain("stop what listens there");
    expect(existsSync(socket)).toBe(false);
    expect(await refusal({ host: "192.0.2.1", port: 0 })).toContain("address of this machine");
    await start({ path: socket });
  });

  it("closes its socket and file, and answers what was under way", async () => {
    const server = await start({ path: socket });
    const client = new TestClient({ path: socket });
    scope.add("client", () => client.close());
    await client.call(KV.method.put, { key: bytes("a") });
    const underWay = client.call(KV.method.put, { key: bytes("b") }).then(
      () => "written",
      () => "refused",
    );
    await Promise.all([server.close(), server.close()]);
    expect(["written", "refused"]).toContain(await underWay);
    expect(existsSync(socket)).toBe(false);
    expect(existsSync(join(directory, "data-wal"))).toBe(false);
    await expect(putAt({ path: socket }, "c")).rejects.toThrow();
  });

  it("closes at once though streams are open: their clients are told to go elsewhere", async () => {
    const clock = new TestClock();
    const options = { listen: [{ path: socket }], dataFile: join(directory, "data"), logger: silentLogger };
    const server = await startServer({ ...options, clock });
    const client = new TestClient({ path: socket });
    scope.add("client", () => client.close());
    const keepAlive = client.stream(Lease.method.leaseKeepAlive);
    keepAlive.send({ ID: 1n });
    expect((await keepAlive.next()).TTL).toBe(0n);
    // The clock stands still: nothing is waited for.
    await server.close();
    expect((await keepAlive.closed)?.code).toBe(GrpcCode.UNAVAILABLE);
    expect(clock.waiting()).toEqual([]);
  });

  it("is one more term with each start, and the same cluster", async () => {
    const headers = [];
    for (let round = 0; round < 2; round++) {
      const server = await start({ path: socket });
      const client = new TestClient({ path: socket });
      headers.push((await client.call(KV.method.range, { key: bytes("a") })).header);
      client.close();
      await server.close();
    }
    expect(headers.map((header) => header?.raftTerm)).toEqual([1n, 2n]);
    expect(headers[0]?.clusterId).toBe(headers[1]?.clusterId);
  });

  it("is not started with options that make no sense", async () => {
    const options = { dataFile: join(directory, "data"), clock: systemClock, logger: silentLogger };
    const listen = [{ path: socket }];
    const wrong = [
      startServer({ ...options, listen: [] }),
      startServer({ ...options, listen, quotaBytes: 0 }),
      startServer({ ...options, listen, compaction: { keepMs: Number.NaN, keepRevisions: 1 } }),
    ];
    for (const attempt of wrong) await expect(attempt).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(existsSync(options.dataFile)).toBe(false);
  });
});
