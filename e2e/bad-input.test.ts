import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Everything, everything, expectAgain as expectSame } from "./support/everything.ts";
import { collect, eventually, OCICAT, type Output, TestLab } from "./support/lab.ts";
import { CONF, NodeCni } from "./support/node-cni.ts";

const lab = new TestLab();
const work = mkdtempSync(join(tmpdir(), "oct-bad-"));
const node1 = new NodeCni(lab, "node1");

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
  rmSync(work, { recursive: true, force: true });
});

const look = () => everything(node1, lab.store);
const expectAgain = (before: Everything, when?: string) => expectSame(look, before, when);

function file(name: string, text: string): string {
  const path = join(work, name);
  writeFileSync(path, text);
  return path;
}

/** One line on standard error that matches all of these, nothing on standard output, and a failure. */
function expectRefused({ code, stdout, stderr }: Output, ...says: readonly RegExp[]): void {
  expect(code).toBe(1);
  expect(stdout).toBe("");
  const lines = stderr.trimEnd().split("\n");
  for (const say of says) expect(lines).toEqual([expect.stringMatching(say)]);
}

const pool = (name: string, spec: string) =>
  `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: ${name} }\nspec: { ${spec} }\n`;

describe("a resource that is wrong is refused with its place and its rule, and nothing is stored", () => {
  it.each<[string, string, readonly RegExp[]]>([
    [
      "an unknown field",
      pool("bad", "cidr: 10.60.0.0/16, colour: red"),
      [
        /bad-resource\.yaml, document 1, line 4, column \d+, IPPool bad: spec\.colour/,
        /"red" is in a field that does not exist/,
      ],
    ],
    [
      "a CIDR with host bits",
      pool("bad", "cidr: 10.60.0.1/16"),
      [/spec\.cidr/, /10\.60\.0\.1\/16/, /10\.60\.0\.0\/16/],
    ],
    [
      "a pool over another",
      pool("bad", "cidr: 10.244.128.0/17"),
      [/spec\.cidr/, /10\.244\.128\.0\/17/, /default-ipv4-ippool/],
    ],
    ["blockSize 33", pool("bad", "cidr: 10.60.0.0/16, blockSize: 33"), [/spec\.blockSize/, /33/, /20.*32/]],
    [
      "two pools over each other in one file",
      `${pool("one", "cidr: 10.60.0.0/16")}---\n${pool("two", "cidr: 10.60.128.0/17")}`,
      [/spec\.cidr/, /10\.60\.128\.0\/17/, /one/],
    ],
    ["an unknown kind", "apiVersion: projectcalico.org/v3\nkind: IPool\nmetadata: { name: x }\n", [/IPool/, /IPPool/]],
    ["YAML that is none", "kind: [IPPool\n", [/bad-resource\.yaml, document 1, line 2, column 1: .*; mend the YAML/]],
  ])("%s", async (_what, text, says) => {
    const before = await look();
    expectRefused(lab.ocicat("create", "-f", file("bad-resource.yaml", text)), ...says);
    await expectAgain(before);
  });
});

describe("a network configuration that is wrong", () => {
  it("without a type is refused by the runtime before any plugin runs, with file and place", async () => {
    const before = await look();
    const conflist = { ...CONF, plugins: [{ ipam: { type: "ocicat-ipam" } }] };
    await lab.out("node1", "sh", "-c", `echo '${JSON.stringify(conflist)}' > /etc/cni/net.d/00-bad.conflist`);
    const args = ["lab", "run", "--name", lab.name, "bad", "--node", "node1"];
    const child = spawn(process.execPath, [OCICAT, ...args]);
    expectRefused(await collect(child), /00-bad\.conflist, plugins\[0\]: has no type; name the plugin/);
    await lab.out("node1", "rm", "/etc/cni/net.d/00-bad.conflist");
    expect(lab.lab.pods().find("bad")).toBeUndefined();
    await expectAgain(before);
  });

  it.each<[string, unknown, number, RegExp]>([
    ["without a type", { cniVersion: "1.0.0", name: "ocicat" }, 7, /type.*is missing.*name the plugin/],
    ["without a name", { cniVersion: "1.0.0", type: "ocicat" }, 7, /name.*is missing/],
    ["of a version that nobody speaks", { ...CONF, cniVersion: "9.0.0" }, 1, /9\.0\.0/],
    ["that is not JSON", "{", 6, /not JSON/],
  ])("%s is refused by the plugin with the specification's code", async (_what, conf, cniCode, message) => {
    const before = await look();
    const netns = await node1.namespace();
    const { code, stdout, stderr } = await node1.exec("ADD", { containerId: "bad", netns }, conf);
    expect(code).toBe(1);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({ code: cniCode });
    expect(stdout).toMatch(message);
    await expectAgain(before);
  });
});

describe("an ADD that cannot be", () => {
  it.each([
    ["leads nowhere", "/run/netns/nowhere"],
    ["leads to a file", "/etc/hostname"],
    ["leads to another kind of namespace", "/proc/self/ns/mnt"],
  ])("because the path of its namespace %s says so, and leaves nothing", async (_what, netns) => {
    const before = await look();
    const { code, stdout } = await node1.exec("ADD", { containerId: "bad", netns });
    expect(code).toBe(1);
    expect(stdout).toContain(netns);
    expect(stdout).toMatch(/is not a network namespace.*the runtime must create it before ADD/);
    await expectAgain(before);
  });

  it("because every address is taken names the pool, and leaves nothing", async () => {
    const created = lab.ocicat("create", "-f", file("tiny.yaml", pool("tiny", "cidr: 10.98.0.0/29, blockSize: 29")));
    expect(created.code).toBe(0);
    const conf = { ...CONF, ipam: { ...CONF.ipam, ipv4_pools: ["10.98.0.0/29"] } };
    const attachments = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => ({ containerId: `full${index}`, netns: await node1.namespace() })),
    );
    for (const attachment of attachments) expect((await node1.exec("ADD", attachment, conf)).code).toBe(0);
    const before = await look();
    const { code, stdout } = await node1.exec("ADD", { containerId: "late", netns: await node1.namespace() }, conf);
    expect(code).toBe(1);
    expect(stdout).toMatch(/10\.98\.0\.0\/29|tiny/);
    await expectAgain(before);
    for (const attachment of attachments) await node1.del(attachment);
    expect(lab.ocicat("delete", "ippool", "tiny").code).toBe(0);
  });
});

describe("a name that is none", () => {
  it("of a node, for an agent: refused before anything is touched", async () => {
    const before = await look();
    const result = await runAgent("node1", { NODENAME: "Bad_Name" });
    expectRefused(result, /environment variable NODENAME: "Bad_Name" is not a node name; use lower-case letters/i);
    await expectAgain(before);
  });

  it("of a node, for a lab: refused before anything is made", async () => {
    const name = `${lab.name}x`;
    const topology = file(
      "bad-lab.yaml",
      "segments: [lan]\nnodes: [{ name: Bad_Name, segment: lan, address: 10.0.0.1/24 }]\ndatastore: Bad_Name\n",
    );
    const result = await collect(spawn(process.execPath, [OCICAT, "lab", "up", "--name", name, "-f", topology]));
    expectRefused(result, /bad-lab\.yaml: nodes\[0\]\.name: "Bad_Name" is not a name; use up to 63 lower-case/);
    expect(existsSync(`/run/ocicat-lab/${name}`) || existsSync(`/var/tmp/ocicat-lab/${name}`)).toBe(false);
  });
});

describe("a datastore that does not answer", () => {
  it("is an error of every command within seconds, with the address, who gave it, and what to do", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void silent.close());
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const endpoints = ["http://127.0.0.1:1", `http://127.0.0.1:${port}`, "unix:///nowhere.sock"];
    const started = performance.now();
    const results = await Promise.all(
      endpoints.map((endpoint) =>
        collect(
          spawn(process.execPath, [OCICAT, "get", "nodes"], { env: { ...process.env, ETCD_ENDPOINTS: endpoint } }),
        ),
      ),
    );
    expect(performance.now() - started).toBeLessThan(8_000);
    for (const [index, result] of results.entries()) {
      expectRefused(
        result,
        /the datastore did not answer within 5 s/,
        /from ETCD_ENDPOINTS/,
        /start it, or name another/,
      );
      expect(result.stderr).toContain(endpoints[index]);
    }
  });

  it("is waited for by an agent that starts: it says so on /readyz and in its log, and goes on when it comes", async () => {
    const routes = await lab.out("node2", "ip", "route");
    await lab.lab.kill("agent-node2");
    await lab.lab.kill("datastore");
    const starting = lab.lab.restartAgent("node2");
    starting.catch(() => undefined);
    const waiting = await eventually(
      () => readiness("node2"),
      ({ stdout }) => stdout.includes("503"),
    );
    expect(waiting.stdout).toMatch(/^datastore: /m);
    await eventually(
      () => readFileSync(lab.places.log("agent-node2"), "utf8"),
      (log) => /"level":"warning".*the datastore does not answer, waiting for it.*192\.168\.0\.80:2379/.test(log),
    );
    expect(await lab.out("node2", "ip", "route")).toBe(routes);
    await lab.lab.restartDatastore();
    await starting;
    expect((await readiness("node2")).stdout).toContain("200");
    expect(await lab.out("node2", "ip", "route")).toBe(routes);
  });
});

describe("an agent that waits for its datastore", () => {
  it("ends when it is told to, and touches nothing", async () => {
    const before = await look();
    await lab.lab.kill("agent-node2");
    const child = lab.lab.spawn("node2", [process.execPath, OCICAT, "agent"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], NODENAME: "node2", ETCD_ENDPOINTS: "http://127.0.0.1:1", IP: "192.168.0.82" },
    });
    const ended = collect(child);
    await eventually(
      () => readiness("node2"),
      ({ stdout }) => stdout.includes("503"),
    );
    child.kill("SIGTERM");
    expect(
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000, "still there"))]),
    ).toMatchObject({
      code: 0,
      stderr: "",
    });
    await lab.lab.restartAgent("node2");
    await expectAgain(before);
  });
});

describe("a port that is taken", () => {
  it("179: the agent ends with one error that names it, and changes nothing in the kernel", async () => {
    const routes = await lab.out("node2", "ip", "route");
    await lab.lab.kill("agent-node2");
    const taker = lab.start(
      "node2",
      process.execPath,
      "-e",
      "require('net').createServer().listen(179, () => console.log('in'))",
    );
    await new Promise<void>((resolve) => taker.child.stdout?.once("data", () => resolve()));
    const result = await runAgent("node2", {});
    expectRefused(result, /port 179: BGP cannot listen: EADDRINUSE; another BGP daemon has it: .*listenPort/);
    expect(await lab.out("node2", "ip", "route")).toBe(routes);
    await expect(lab.lab.restartAgent("node2")).rejects.toThrow(/agent-node2 ended before it was ready.*179/);
    taker.child.kill("SIGKILL");
    await taker.ended;
    await lab.lab.restartAgent("node2");
    expect(await lab.out("node2", "ip", "route")).toBe(routes);
  });

  it("by an agent that runs on the node: the second one ends with one error and disturbs nothing", async () => {
    const before = await look();
    const result = await runAgent("node1", {});
    expectRefused(result, /127\.0\.0\.1:9099: cannot listen: EADDRINUSE; another process has it/);
    await expectAgain(before);
    expect((await readiness("node1")).stdout).toContain("200");
  });
});

describe("a node without a default route", () => {
  it("is said by name, and over when there is one again", async () => {
    await lab.out("node2", "ip", "route", "del", "default");
    const missing = await readiness("node2");
    expect(missing.stdout).toContain("503");
    expect(missing.stdout).toMatch(/^gateway: node node2 has no route to 169\.254\.1\.1.*ip route add default via/m);
    await lab.lab.kill("agent-node2");
    const starting = lab.lab.restartAgent("node2");
    starting.catch(() => undefined);
    await eventually(
      () => readFileSync(lab.places.log("agent-node2"), "utf8"),
      (log) => /"level":"warning".*node node2 has no route to 169\.254\.1\.1/.test(log),
    );
    await lab.out("node2", "ip", "route", "add", "default", "via", "192.168.0.1", "proto", "static");
    await starting;
    expect((await readiness("node2")).stdout).toContain("200");
  });
});

/** An agent in the foreground, with what the lab gives it and what the test does; ended after ten seconds, with code 128. */
async function runAgent(node: string, env: Readonly<Record<string, string>>): Promise<Output> {
  const index = lab.topology.nodes.findIndex((candidate) => candidate.name === node);
  const child = lab.lab.spawn(node, [process.execPath, OCICAT, "agent"], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 10_000,
    killSignal: "SIGKILL",
    env: {
      PATH: process.env["PATH"],
      NODENAME: node,
      ETCD_ENDPOINTS: "http://192.168.0.80:2379",
      IP: `192.168.0.${80 + index}`,
      ...env,
    },
  });
  return await collect(child);
}

/** The answer's text, and behind it its status. */
function readiness(node: string): Promise<Output> {
  return lab.exec(
    node,
    "curl",
    "-s",
    "-w",
    "%{http_code}",
    "--unix-socket",
    "/run/ocicat/agent.sock",
    "http://agent/readyz",
  );
}
