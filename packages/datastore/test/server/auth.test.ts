import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text as read } from "node:stream/consumers";
import { systemClock } from "@ocicat/datastore/etcd";
import { createLogger, Scope, TestClock } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GrpcCode } from "../../src/grpc/index.ts";
import { Auth } from "../../src/proto/rpc_pb.ts";
import { startServer } from "../../src/server/index.ts";
import { startEtcd } from "../support/etcd.ts";
import { TestClient } from "./support/client.ts";
import { temporaryDirectory } from "./support/processes.ts";
import { startTestServer } from "./support/server.ts";

/** Users and roles: what etcdctl does against etcd 3.4 and against our server, told alike to the letter. */
const scope = new Scope("auth");
let endpoints: readonly string[];
let dataFile: string;

beforeAll(async () => {
  const etcd = await startEtcd({ flags: ["--bcrypt-cost", "4"] });
  scope.add("etcd", () => etcd.stop());
  const server = await startTestServer(scope, { listen: [{ host: "127.0.0.1", port: 0 }] });
  if (!("port" in server.endpoint)) throw new Error("no port");
  dataFile = server.dataFile;
  endpoints = [etcd.endpoint, `http://127.0.0.1:${server.endpoint.port}`];
});
afterAll(() => scope.close());

interface Outcome {
  readonly code: unknown;
  readonly output: string;
  readonly errors: readonly string[];
}

async function etcdctl(endpoint: string, args: readonly string[], input: string): Promise<Outcome> {
  const child = spawn("etcdctl", ["--endpoints", endpoint, ...args], {
    env: { PATH: process.env["PATH"], ETCDCTL_API: "3" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  // Most commands end without reading it.
  child.stdin.on("error", () => {}).end(input);
  const [output, errors, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, "close")]);
  // The status each failed attempt was answered with, and what the command makes of it.
  const told = [...errors.matchAll(/"error":"(rpc error: [^"]*)"|^(Error: .*)$/gm)];
  return { code, output, errors: told.map(([, status, error]) => status ?? error ?? "") };
}

const alone = (command: string, input = "") => [command.split(" "), input] as const;
const as = (user: string) => (command: string, input?: string) => alone(`--user ${user} ${command}`, input);
const root = as("root:toothbrush");
const alice = as("alice:wonderland");
const bob = as("bob:builder");

/** A whole story, in order: what each step leaves is what the next finds. */
const STORY = {
  "before users are asked for": [
    alone("auth enable"),
    alone("put /a/1 one"),
    alone("user add alice:wonderland"),
    alone("user add alice:again"),
    alone("user add root:toothbrush"),
    alone("user add nobody --no-password"),
    alone("user list"),
    alone("user get nobody"),
    alone("user get none"),
    alone("role add reader"),
    alone("role add reader"),
    alone("role get none"),
    alone("role grant-permission none read /a"),
    alone("role grant-permission reader read /a/ /a0"),
    alone("role grant-permission reader --prefix=true readwrite /own/"),
    alone("role grant-permission reader write /single"),
    alone("role get reader"),
    alone("user grant-role alice reader"),
    alone("user grant-role alice reader"),
    alone("user grant-role alice none"),
    alone("user grant-role none reader"),
    alone("user revoke-role alice none"),
    alone("auth enable"),
    alone("get /a/1"),
  ],
  "once they are": [
    alone("get /a/1"),
    alone("put /a/1 x"),
    alone("user list"),
    as("root:wrong")("get /a/1"),
    as("none:toothbrush")("get /a/1"),
    as("nobody:")("get /a/1"),
    root("auth enable"),
    root("get /a/1"),
    root("user list"),
    root("role list"),
    root("user get alice --detail"),
    root("user get root"),
  ],
  "of a user with a role": [
    alice("get /a/1"),
    alice("get --prefix /a/"),
    alice("get /a/ /a1"),
    alice("get --from-key /a/"),
    alice("put /a/1 x"),
    alice("put /single x"),
    alice("put /single x --prev-kv"),
    alice("get /single"),
    alice("put /own/1 mine"),
    alice("get --prefix /own"),
    alice("get --prefix /own/"),
    alice("del /own/1 --prev-kv"),
    alice("del /a/1"),
    alice("del --prefix /"),
    alice("txn", 'value("/a/1") = "one"\n\nput /own/2 two\nget /a/1\n\nget /own/2\n\n'),
    alice("txn", 'value("/b") = "one"\n\nput /own/3 three\n\n\n'),
    alice("txn", 'version("/own/3") = "0"\n\nput /own/3 three\n\nput /b x\n\n'),
    alice("get --prefix --keys-only /own/"),
    alice("watch /b"),
    alice("user list"),
    alice("user get alice"),
    alice("user get root"),
    alice("role get reader"),
    alice("role get root"),
    alice("role add mine"),
    alice("auth disable"),
    alice("user delete root"),
    alice("compact 2"),
  ],
  "of changes while they are asked for": [
    root("user delete root"),
    root("user revoke-role root root"),
    root("role delete root"),
    root("role revoke-permission reader /none"),
    root("role revoke-permission reader /a/ /a0"),
    alice("get /a/1"),
    root("role grant-permission reader read /a/ /a/2"),
    root("role grant-permission reader read /a/2 /a0"),
    alice("get --prefix /a/"),
    root("role grant-permission reader write /a/2 /a0"),
    alice("get --prefix /a/"),
    root("role get reader"),
    root("user add bob:builder"),
    bob("get /a/1"),
    root("user grant-role bob root"),
    bob("get /a/1"),
    bob("user list"),
    root("user passwd bob --interactive=false", "changed\n"),
    bob("get /a/1"),
    as("bob:changed")("get /a/1"),
    root("user revoke-role bob root"),
    as("bob:changed")("get /a/1"),
    root("role delete reader"),
    root("user get alice"),
    alice("get /own/2"),
    root("user delete alice"),
    alice("get /own/2"),
    root("role list"),
    root("auth disable"),
    alone("get /own/2"),
    alice("get /own/2"),
    alone("auth disable"),
    alone("user list"),
  ],
} as const;

describe("etcdctl's answers are etcd's", () => {
  for (const [chapter, steps] of Object.entries(STORY)) {
    it(chapter, async () => {
      for (const [args, input] of steps) {
        const [theirs, ours] = await Promise.all(endpoints.map((endpoint) => etcdctl(endpoint, args, input)));
        expect(ours, args.join(" ")).toEqual(theirs);
      }
    });
  }

  it("and no password is in the file", () => {
    const stored = readFileSync(dataFile).toString("latin1") + readFileSync(`${dataFile}-wal`).toString("latin1");
    expect(stored.includes("scrypt$")).toBe(true);
    // Not by toContain: a failure would print the file.
    expect(["wonderland", "toothbrush", "builder"].filter((password) => stored.includes(password))).toEqual([]);
  });
});

describe("a server whose users are asked for", () => {
  it("still asks after a restart, takes no token of before, and says no password in its log", async () => {
    const directory = temporaryDirectory(scope);
    const clock = new TestClock();
    const log: string[] = [];
    const logger = createLogger("server", "debug", (record) => log.push(JSON.stringify(record)));
    const options = { listen: [{ path: join(directory, "socket") }], dataFile: join(directory, "data"), logger };
    const open = async (own: typeof clock | typeof systemClock) => {
      const server = await startServer({ ...options, clock: own });
      scope.add("server", () => server.close());
      const client = new TestClient(options.listen[0] ?? { path: "" });
      scope.add("client", () => client.close());
      return { server, client };
    };
    const first = await open(clock);
    const { client } = first;
    await client.call(Auth.method.userAdd, { name: "root", password: "toothbrush" });
    await client.call(Auth.method.userGrantRole, { user: "root", role: "root" });
    await client.call(Auth.method.authEnable, {});
    const logIn = (by: TestClient) => by.call(Auth.method.authenticate, { name: "root", password: "toothbrush" });
    const listWith = (by: TestClient, token: string) => by.callWith({ token }, Auth.method.userList, {});
    const { token } = await logIn(client);
    expect((await listWith(client, token)).users).toEqual(["root"]);

    // One that is used lives on; one that is not is worthless after five minutes.
    const idle = (await logIn(client)).token;
    for (let minute = 0; minute < 6; minute++) {
      clock.advance(60_000);
      expect((await listWith(client, token)).users).toEqual(["root"]);
    }
    const worthless = { code: GrpcCode.UNAUTHENTICATED, message: "etcdserver: invalid auth token" };
    await expect(listWith(client, idle)).rejects.toMatchObject(worthless);

    client.close();
    await first.server.close();
    const second = await open(systemClock);
    await expect(second.client.call(Auth.method.userList, {})).rejects.toMatchObject({
      message: "etcdserver: user name is empty",
    });
    await expect(listWith(second.client, token)).rejects.toMatchObject(worthless);
    expect((await listWith(second.client, (await logIn(second.client)).token)).users).toEqual(["root"]);
    expect(log.join("\n")).not.toContain("toothbrush");
  });
});
