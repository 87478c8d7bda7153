import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { OcicatError, silentLogger } from "@ocicat/kit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CniBackend, type CniServer, createCniServer, SUPPORTED_VERSIONS } from "../../src/index.ts";
import { fakeBackend, POD_RESULT } from "../support/backend.ts";
import { CLIENTS, type Client, installClients } from "../support/clients.ts";
import { systemClock } from "../support/clock.ts";
import { ADD_ENV, CONF, type PluginRun, runPlugin, startPlugin } from "../support/plugin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory();
const socket = join(directory, "cni.sock");
let clients: readonly Client[] = [];
let server: CniServer;
let answers: Partial<CniBackend> = {};
let calls: ReturnType<typeof fakeBackend>["calls"] = [];

beforeAll(async () => {
  clients = await installClients(directory, socket);
  const recorder = fakeBackend({
    add: (request) => (answers.add ?? (() => Promise.resolve(POD_RESULT)))(request),
    del: (request) => (answers.del ?? (() => Promise.resolve()))(request),
    check: (request) => (answers.check ?? (() => Promise.resolve([])))(request),
    status: (request) => (answers.status ?? (() => Promise.resolve({ ready: true as const })))(request),
  });
  calls = recorder.calls;
  server = await createCniServer({
    path: socket,
    backend: recorder.backend,
    logger: silentLogger,
    clock: systemClock,
    nodeName: "node1",
  });
});
afterAll(() => server.close());
beforeEach(() => {
  answers = {};
  calls.length = 0;
});

/** A server that does to each connection what it is told, for agents that misbehave. */
async function badAgent(path: string, behave: Parameters<typeof createServer>[1]): Promise<Server> {
  const agent = createServer({ allowHalfOpen: true }, behave);
  await new Promise<void>((resolve) => agent.listen(path, resolve));
  return agent;
}

function errorOf(run: PluginRun): {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details: string;
} {
  expect(run.code).toBe(1);
  expect(run.stdout.endsWith("\n")).toBe(true);
  return JSON.parse(run.stdout);
}

const text = JSON.stringify(CONF);
const withVersion = (cniVersion: string, more: object = {}) => JSON.stringify({ ...CONF, cniVersion, ...more });

describe.each(CLIENTS)("the %s client", (kind) => {
  const client = () => clients.find((candidate) => candidate.kind === kind)?.path("calico") ?? "";
  const ipamClient = () => clients.find((candidate) => candidate.kind === kind)?.path("calico-ipam") ?? "";

  it("answers VERSION without an agent, in the version it was asked in", async () => {
    const env = { CNI_COMMAND: "VERSION", OCICAT_CNI_SOCKET: "/nonexistent" };
    const asked = await runPlugin(client(), env, '{"cniVersion":"0.4.0"}');
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(asked.stdout)).toEqual({ cniVersion: "0.4.0", supportedVersions: SUPPORTED_VERSIONS });
    const plain = await runPlugin(client(), env, "");
    expect(JSON.parse(plain.stdout)).toEqual({ cniVersion: "1.1.0", supportedVersions: SUPPORTED_VERSIONS });
  });

  it("ADD prints the agent's result, and the agent got it all", async () => {
    const run = await runPlugin(client(), ADD_ENV, text);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject({
      cniVersion: "0.3.1",
      interfaces: [{ name: "cali0761ccbeace" }, { name: "eth0", sandbox: "/var/run/netns/gp1" }],
      ips: [{ version: "4", interface: 1, address: "10.244.166.128/32" }],
    });
    expect(calls).toMatchObject([
      {
        operation: "add",
        request: {
          plugin: "calico",
          network: "k8s-pod-network",
          containerId: ADD_ENV.CNI_CONTAINERID,
          netns: "/var/run/netns/gp1",
          ifname: "eth0",
          endpoint: { name: "node1-k8s-web--1-eth0", hostInterface: "cali0761ccbeace" },
        },
      },
    ]);
  });

  it("under the IPAM plugin's name asks for addresses alone", async () => {
    const run = await runPlugin(ipamClient(), ADD_ENV, text);
    expect(JSON.parse(run.stdout)).toEqual({
      cniVersion: "0.3.1",
      ips: [{ version: "4", address: "10.244.166.132/26" }],
      dns: {},
    });
    await runPlugin(ipamClient(), { ...ADD_ENV, CNI_COMMAND: "DEL" }, text);
    expect(calls.map((call) => call.operation)).toEqual(["ipamAdd", "ipamDel"]);
  });

  it("DEL prints nothing and succeeds, without a namespace too", async () => {
    const { CNI_NETNS: _gone, ...env } = ADD_ENV;
    expect(await runPlugin(client(), { ...env, CNI_COMMAND: "DEL" }, text)).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect(calls).toMatchObject([{ operation: "del", request: { netns: undefined } }]);
  });

  it("DEL of a configuration that was since spoilt still takes the container down", async () => {
    const spoilt = withVersion("0.3.1", { mtu: "big", ipam: { type: "host-local" }, prevResult: { ips: 1 } });
    expect(await runPlugin(client(), { ...ADD_ENV, CNI_COMMAND: "DEL" }, spoilt)).toMatchObject({ code: 0 });
  });

  it("CHECK hands over what the ADD answered, and prints the differences", async () => {
    const env = { ...ADD_ENV, CNI_COMMAND: "CHECK" };
    const added = JSON.parse((await runPlugin(client(), ADD_ENV, withVersion("1.0.0"))).stdout) as object;
    const conf = withVersion("1.0.0", { prevResult: added });
    expect(await runPlugin(client(), env, conf)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(calls.at(-1)).toMatchObject({
      operation: "check",
      request: { previous: { interfaces: [{}, { name: "eth0" }] } },
    });
    answers = { check: () => Promise.resolve(["eth0 has no address", "the default route is gone"]) };
    const error = errorOf(await runPlugin(client(), env, conf));
    expect(error).toMatchObject({ cniVersion: "1.0.0", code: 101 });
    expect(error.msg).toContain("eth0 has no address; the default route is gone");
  });

  it("CHECK without what the ADD answered, or before 0.4.0, is refused", async () => {
    const env = { ...ADD_ENV, CNI_COMMAND: "CHECK" };
    expect(errorOf(await runPlugin(client(), env, withVersion("0.4.0")))).toMatchObject({
      cniVersion: "0.4.0",
      code: 7,
    });
    expect(errorOf(await runPlugin(client(), env, withVersion("0.3.1")))).toMatchObject({
      cniVersion: "0.3.1",
      code: 1,
    });
  });

  it("STATUS asks the agent, since 1.1.0", async () => {
    const env = { CNI_COMMAND: "STATUS" };
    expect(await runPlugin(client(), env, withVersion("1.1.0"))).toEqual({ code: 0, stdout: "", stderr: "" });
    answers = { status: () => Promise.resolve({ ready: false, limited: false, why: "the datastore does not answer" }) };
    const error = errorOf(await runPlugin(client(), env, withVersion("1.1.0")));
    expect(error).toMatchObject({ cniVersion: "1.1.0", code: 50 });
    expect(error.details).toContain("the datastore does not answer");
    answers = { status: () => Promise.resolve({ ready: false, limited: true, why: "routes are gone" }) };
    expect(errorOf(await runPlugin(client(), env, withVersion("1.1.0"))).code).toBe(51);
    expect(errorOf(await runPlugin(client(), env, withVersion("1.0.0"))).code).toBe(1);
  });

  it("prints the backend's errors with their code, in the configuration's version", async () => {
    answers = {
      add: () =>
        Promise.reject(new OcicatError({ code: "IPAM_EXHAUSTED", what: "no address is free in 10.99.0.0/26" })),
    };
    const refused = errorOf(await runPlugin(client(), ADD_ENV, text));
    expect(refused).toEqual({
      cniVersion: "0.3.1",
      code: 100,
      msg: "no address is free in 10.99.0.0/26",
      details: "[IPAM_EXHAUSTED]",
    });
    answers = { add: () => Promise.reject(new TypeError("undefined is not a function")) };
    expect(errorOf(await runPlugin(client(), ADD_ENV, text)).code).toBe(999);
  });

  it("prints what is wrong with its input", async () => {
    expect(errorOf(await runPlugin(client(), ADD_ENV, '{"cniVersion":"1.0.0","name":"n"}'))).toMatchObject({
      cniVersion: "1.0.0",
      code: 7,
    });
    expect(errorOf(await runPlugin(client(), ADD_ENV, ""))).toMatchObject({ code: 6 });
    expect(errorOf(await runPlugin(client(), { ...ADD_ENV, CNI_IFNAME: "far-too-long-a-name" }, text))).toMatchObject({
      code: 4,
    });
    expect(errorOf(await runPlugin(client(), { ...ADD_ENV, CNI_COMMAND: "PAUSE" }, text))).toMatchObject({ code: 4 });
    expect(errorOf(await runPlugin(client(), {}, text))).toMatchObject({
      cniVersion: "1.1.0",
      code: 4,
      msg: "CNI_COMMAND is missing",
    });
    expect(calls).toEqual([]);
  });

  it("carries a megabyte in and a megabyte out", async () => {
    const padding = "x".repeat(1024 * 1024);
    answers = { add: () => Promise.resolve({ ...POD_RESULT, dns: { domain: padding } }) };
    const run = await runPlugin(client(), ADD_ENV, withVersion("1.0.0", { dns: { domain: padding } }));
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ dns: { domain: padding } });
    expect(calls).toMatchObject([{ request: { options: { dns: { domain: padding } } } }]);
  });

  it("reports a request that is too large, though the agent answers before it was read", async () => {
    const run = await runPlugin(client(), ADD_ENV, `${" ".repeat(17 * 1024 * 1024)}{}`);
    expect(errorOf(run)).toMatchObject({ code: 6 });
    expect(run.stdout).toContain("larger than 16777216 bytes");
  });

  it("without an agent says so, to be tried again later", async () => {
    for (const command of ["ADD", "DEL", "CHECK"]) {
      const env = { ...ADD_ENV, CNI_COMMAND: command, OCICAT_CNI_SOCKET: join(directory, "nobody.sock") };
      expect(errorOf(await runPlugin(client(), env, text))).toEqual({
        cniVersion: "0.3.1",
        code: 11,
        msg: `no answer from the Ocicat agent on ${join(directory, "nobody.sock")}`,
        details: "there is no such socket; see that the agent runs on this node, and its log [CNI_NO_AGENT]",
      });
    }
    const status = await runPlugin(
      client(),
      { CNI_COMMAND: "STATUS", OCICAT_CNI_SOCKET: "/nonexistent" },
      withVersion("1.1.0"),
    );
    expect(errorOf(status)).toMatchObject({ code: 50 });
  });

  it("on a dead agent's socket says that nobody listens", async () => {
    const path = join(directory, `dead-${kind}`);
    mkdirSync(path);
    const agent = await badAgent(join(path, "a.sock"), () => undefined);
    // A bound socket that nobody listens on, as kill -9 leaves it: a second name keeps it when the server's close removes the first.
    linkSync(join(path, "a.sock"), join(path, "b.sock"));
    await new Promise((resolve) => agent.close(resolve));
    const run = await runPlugin(client(), { ...ADD_ENV, OCICAT_CNI_SOCKET: join(path, "b.sock") }, text);
    expect(errorOf(run).details).toContain("nobody listens on it");
    writeFileSync(join(path, "plain"), "");
    const plain = await runPlugin(client(), { ...ADD_ENV, OCICAT_CNI_SOCKET: join(path, "plain") }, text);
    expect(errorOf(plain).details).toContain("nobody listens on it");
  });

  it("gives up on an agent that hangs", async () => {
    const path = join(directory, `hang-${kind}.sock`);
    const agent = await badAgent(path, (connection) => connection.on("error", () => undefined).resume());
    const run = await runPlugin(client(), { ...ADD_ENV, OCICAT_CNI_SOCKET: path, OCICAT_CNI_TIMEOUT: "1" }, text);
    agent.close();
    expect(errorOf(run)).toMatchObject({ code: 11 });
    expect(errorOf(run).details).toContain("it did not answer within 1 s");
  });

  it.each([
    ["nothing", ""],
    ["half a head", "0 12"],
    ["half a body", '0 100\n{"cniVersion"'],
    ["too much", "0 2\n{}{}"],
    ["something else", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["an exit code that is none", "256 2\n{}"],
  ])("never takes %s for an answer", async (name, said) => {
    const path = join(directory, `cut-${kind}-${name.replaceAll(" ", "-")}.sock`);
    const agent = await badAgent(path, (connection) => {
      connection.on("error", () => undefined).resume();
      connection.once("end", () => connection.end(said));
    });
    const run = await runPlugin(client(), { ...ADD_ENV, OCICAT_CNI_SOCKET: path }, text);
    agent.close();
    expect(errorOf(run)).toMatchObject({ code: 11 });
    expect(run.stdout).toContain("went away before it had answered");
  });

  it("killed in the middle, leaves the operation to run to its end", async () => {
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    answers = {
      add: async () => {
        start();
        await gate;
        finish();
        return POD_RESULT;
      },
    };
    const running = startPlugin(client(), ADD_ENV, text);
    await started;
    running.kill();
    await running.done;
    open();
    await finished;
    answers = {};
    expect((await runPlugin(client(), ADD_ENV, text)).code).toBe(0);
  });

  it("fifty at once are all answered, each with its own", async () => {
    answers = {
      add: (request) =>
        Promise.resolve({
          ...POD_RESULT,
          interfaces: [{ name: request.endpoint.hostInterface }, ...POD_RESULT.interfaces.slice(1)],
        }),
    };
    const ids = Array.from({ length: 50 }, (_, index) => `c${String(index).padStart(11, "0")}`);
    const runs = await Promise.all(
      ids.map((id) => runPlugin(client(), { ...ADD_ENV, CNI_CONTAINERID: id, CNI_ARGS: "" }, text)),
    );
    expect(runs.map((run) => run.code)).toEqual(ids.map(() => 0));
    const names = runs.map((run) => (JSON.parse(run.stdout) as { interfaces: { name: string }[] }).interfaces[0]?.name);
    expect(names).toEqual(ids.map((id) => `cali${id.slice(0, 11)}`));
  });
});
