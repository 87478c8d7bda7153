import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text as read } from "node:stream/consumers";
import type { Endpoint } from "@ocicat/datastore/server";
import { Scope } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kill } from "./support/processes.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

/** Debian's etcdctl 3.4 against our server: what an operator would type. */
const scope = new Scope("etcdctl");
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer(scope, { listen: [{ host: "127.0.0.1", port: 0 }] });
});
afterAll(() => scope.close());

function start(args: readonly string[], { endpoint } = server) {
  const child = spawn("etcdctl", ["--endpoints", addressOf(endpoint), ...args], {
    env: { PATH: process.env.PATH, ETCDCTL_API: "3" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (cause) => {
      reject(new Error("etcdctl cannot be started; install it with: apt-get install etcd-client", { cause }));
    });
  });
  return { child, failed };
}

function addressOf(endpoint: Endpoint): string {
  return "path" in endpoint ? `unix://${endpoint.path}` : `${endpoint.host}:${endpoint.port}`;
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

async function run(args: readonly string[], input = "", on = server): Promise<Outcome> {
  const { child, failed } = start(args, on);
  child.stdin.end(input);
  const [output, errors, [code]] = await Promise.race([
    Promise.all([read(child.stdout), read(child.stderr), once(child, "close")]),
    failed,
  ]);
  return { code: typeof code === "number" ? code : null, output, errors };
}

/** What a command prints; it must succeed. */
async function etcdctl(...args: readonly string[]): Promise<string> {
  const { code, output, errors } = await run(args);
  expect(code, errors).toBe(0);
  return output;
}

describe("etcdctl", () => {
  it("puts, gets and deletes", async () => {
    expect(await etcdctl("put", "/kv/a", "1")).toBe("OK\n");
    expect(await etcdctl("put", "/kv/a", "2", "--prev-kv")).toBe("OK\n/kv/a\n1\n");
    expect(await etcdctl("put", "/kv/b", "3")).toBe("OK\n");
    expect(await etcdctl("get", "/kv/a")).toBe("/kv/a\n2\n");
    expect(await etcdctl("get", "--prefix", "/kv/", "--print-value-only")).toBe("2\n3\n");
    expect(await etcdctl("get", "/kv/", "--from-key", "--keys-only", "--limit", "1")).toBe("/kv/a\n\n");
    expect(await etcdctl("get", "--prefix", "/kv/", "--order", "DESCEND", "--print-value-only")).toBe("3\n2\n");
    expect(await etcdctl("del", "--prefix", "/kv/", "--prev-kv")).toBe("2\n/kv/a\n2\n/kv/b\n3\n");
    expect(await etcdctl("get", "--prefix", "/kv/")).toBe("");
  });

  it("finds a Unix socket by its path", async () => {
    const onSocket = await startTestServer(scope);
    expect(await run(["put", "/a", "1"], "", onSocket)).toMatchObject({ code: 0, output: "OK\n" });
  });

  it("reads an earlier revision", async () => {
    await etcdctl("put", "/rev", "old");
    const { header } = JSON.parse(await etcdctl("get", "/rev", "-w", "json"));
    await etcdctl("put", "/rev", "new");
    expect(await etcdctl("get", "/rev", "--rev", String(header.revision))).toBe("/rev\nold\n");
  });

  it("runs transactions", async () => {
    await etcdctl("put", "/txn", "1");
    const swap = 'value("/txn") = "1"\n\nput /txn 2\nget /txn\n\nput /lost x\n\n';
    expect((await run(["txn"], swap)).output).toBe("SUCCESS\n\nOK\n\n/txn\n2\n");
    const again = await run(["txn"], 'value("/txn") = "1"\n\nput /txn 3\n\nget --keys-only /txn\n\n');
    expect(again.output).toBe("FAILURE\n\n/txn\n\n");
    const revisions = await run(
      ["txn"],
      'mod("/txn") > "1"\ncreate("/none") = "0"\nversion("/txn") = "2"\n\ndel /txn\n\n\n',
    );
    expect(revisions.output).toBe("SUCCESS\n\n1\n");
    expect(await etcdctl("get", "/lost")).toBe("");
  });

  it("watches, from now on and from an earlier revision", async () => {
    const { header } = JSON.parse(await etcdctl("put", "/watch/a", "1", "-w", "json"));
    await etcdctl("put", "/watch/a", "2");
    const { child } = start(["watch", "--prefix", "/watch/", "--rev", String(header.revision), "--prev-kv"]);
    scope.add("etcdctl watch", () => kill(child));
    const lines: string[] = [];
    const enough = Promise.withResolvers<void>();
    createInterface(child.stdout).on("line", (line) => {
      lines.push(line);
      if (lines.length === 5 + 3) void etcdctl("del", "/watch/a");
      if (lines.length === 5 + 3 + 5) enough.resolve();
    });
    await enough.promise;
    const first = ["PUT", "/watch/a", "1"];
    const second = ["PUT", "/watch/a", "1", "/watch/a", "2"];
    expect(lines).toEqual([first, second, ["DELETE", "/watch/a", "2", "/watch/a", ""]].flat());
  });

  it("grants, shows, keeps alive and revokes leases", async () => {
    const [, id = ""] =
      /^lease ([0-9a-f]+) granted with TTL\(100s\)\n$/.exec(await etcdctl("lease", "grant", "100")) ?? [];
    expect(id).not.toBe("");
    await etcdctl("put", "/leased", "x", "--lease", id);
    expect(await etcdctl("lease", "list")).toBe(`found 1 leases\n${id}\n`);
    expect(await etcdctl("lease", "timetolive", id, "--keys")).toMatch(
      new RegExp(
        `^lease ${id} granted with TTL\\(100s\\), remaining\\((99|100)s\\), attached keys\\(\\[/leased\\]\\)\n$`,
      ),
    );
    expect(await etcdctl("lease", "keep-alive", "--once", id)).toBe(`lease ${id} keepalived with TTL(100)\n`);
    expect(await etcdctl("lease", "revoke", id)).toBe(`lease ${id} revoked\n`);
    expect(await etcdctl("get", "/leased")).toBe("");
    expect(await etcdctl("lease", "timetolive", id)).toBe(`lease ${id} already expired\n`);
    expect((await run(["lease", "revoke", id])).errors).toContain("requested lease not found");
  });

  it("compacts, and is told what can no longer be read or watched", async () => {
    const { header } = JSON.parse(await etcdctl("put", "/compact", "1", "-w", "json"));
    await etcdctl("put", "/compact", "2");
    expect(await etcdctl("compact", String(header.revision + 1), "--physical")).toBe(
      `compacted revision ${header.revision + 1}\n`,
    );
    const old = await run(["get", "/compact", "--rev", String(header.revision)]);
    expect([old.code, old.errors]).toEqual([1, expect.stringContaining("required revision has been compacted")]);
    const watch = await run(["watch", "/compact", "--rev", String(header.revision)]);
    expect(watch.errors).toContain("required revision has been compacted");
    const future = await run(["get", "/compact", "--rev", "999999"]);
    expect(future.errors).toContain("required revision is a future revision");
  });

  it("shows the state of the server", async () => {
    const [status] = JSON.parse(await etcdctl("endpoint", "status", "-w", "json"));
    expect(status.Status).toMatchObject({ version: "3.5.0+ocicat", leader: status.Status.header.member_id });
    expect(await etcdctl("endpoint", "status")).toContain("3.5.0+ocicat");
    expect((await run(["endpoint", "health"])).errors).toMatch(/is healthy: successfully committed proposal/);
    expect(await etcdctl("endpoint", "hashkv")).toMatch(/, \d+\n$/);
    expect(await etcdctl("member", "list")).toMatch(
      /^[0-9a-f]+, started, ocicat, , http:\/\/127\.0\.0\.1:\d+, false\n$/,
    );
    expect(await etcdctl("alarm", "list")).toBe("");
    expect(await etcdctl("defrag")).toContain("Finished defragmenting");
  });

  it("is told that the store is full, and disarms the alarm when there is room", async () => {
    const small = await startTestServer(scope, {
      listen: [{ host: "127.0.0.1", port: 0 }],
      quotaBytes: 4 * 1024 * 1024,
      compaction: "off",
    });
    const on = (...args: readonly string[]) => run(args, "", small);
    const put = (key: string) => run(["put", key], "x".repeat(900_000), small);
    const refusals: string[] = [];
    for (let index = 0; refusals.length === 0; index++) {
      const { code, errors } = await put(`/full/${index}`);
      if (code !== 0) refusals.push(errors);
    }
    expect(refusals[0]).toContain("Error: etcdserver: mvcc: database space exceeded");
    const alarm = /^memberID:\d+ alarm:NOSPACE \n$/;
    expect((await on("alarm", "list")).output).toMatch(alarm);
    expect((await on("endpoint", "status", "-w", "table")).output).toContain("NOSPACE");
    // Said too early, it is looked whether there is room, and there is none.
    expect((await on("alarm", "disarm")).output).toMatch(alarm);
    expect((await on("alarm", "list")).output).toMatch(alarm);
    expect((await put("/more")).code).not.toBe(0);
    expect((await on("get", "--prefix", "--keys-only", "/full/0")).output).toContain("/full/0");
    const [, revision = ""] =
      /"revision":(\d+)/.exec((await on("del", "--prefix", "/full/", "-w", "json")).output) ?? [];
    expect((await on("compact", "--physical", revision)).code).toBe(0);
    expect((await on("alarm", "list")).output).toBe("");
    expect((await put("/more")).code).toBe(0);
    const size = async () => JSON.parse((await on("endpoint", "status", "-w", "json")).output)[0].Status.dbSize;
    const before = await size();
    expect((await on("defrag")).code).toBe(0);
    expect(await size()).toBeLessThan(before - 2_000_000);
  });

  it("takes and gives up a lock", async () => {
    const output = await etcdctl("lock", "/lock", "echo", "mine");
    expect(output).toBe("mine\n");
    expect(await etcdctl("get", "--prefix", "/lock")).toBe("");
  });
});
