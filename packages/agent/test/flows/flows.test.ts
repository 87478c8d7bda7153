import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { FLOW_GROUPS, type FlowDecision, flowPrefix } from "@ocicat/enforcement";
import { MetricsRegistry, Scope, silentLogger, TestClock } from "@ocicat/kit";
import { FakeKernel, type LoggedPacket } from "@ocicat/linux/kernel";
import { parseAddress } from "@ocicat/net";
import { serveLocally } from "@ocicat/service";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collectFlows, flowRoutes } from "../../src/flows/index.ts";
import { makeTables } from "../../src/tables/tables.ts";

const ROOT = "/calico/resources/v3/projectcalico.org";
const LONG = `NetworkPolicy default/${"long-".repeat(20)}name`;

function stored(path: string, kind: string, name: string, spec: object) {
  const [namespace] = name.includes("/") ? name.split("/") : [undefined];
  const metadata = { name: name.split("/").at(-1), namespace };
  const value = JSON.stringify({ kind, apiVersion: "projectcalico.org/v3", metadata, spec });
  return { key: `${ROOT}/${path}/${name}`, value, modRevision: 1n, createRevision: 1n, version: 1n, lease: 0n };
}

function endpointNamed(node: string, pod: string, address: string) {
  return stored("workloadendpoints", "WorkloadEndpoint", `default/${node}-k8s-${pod}-eth0`, {
    orchestrator: "k8s",
    node,
    pod,
    endpoint: "eth0",
    interfaceName: `cali${pod}`,
    ipNetworks: [`${address}/32`],
  });
}

function filledTables() {
  const tables = makeTables("node1", silentLogger);
  tables.policy.workloads.replace([
    endpointNamed("node1", "web", "10.244.1.3"),
    endpointNamed("node2", "client", "10.244.0.2"),
  ]);
  tables.nodes.replace([stored("nodes", "Node", "node2", { bgp: { ipv4Address: "172.30.0.2/24" } })]);
  tables.policy.networkSets.replace([
    stored("networksets", "NetworkSet", "default/partners", { nets: ["203.0.113.0/24"] }),
  ]);
  const policy = (name: string) => stored("networkpolicies", "NetworkPolicy", name, { tier: "security", types: [] });
  tables.policy.networkPolicies.replace([policy("default/security.web"), policy(LONG.replace("NetworkPolicy ", ""))]);
  return tables;
}

const ALLOW: FlowDecision = {
  action: "allow",
  direction: "ingress",
  owner: "policy",
  rule: 3,
  name: "NetworkPolicy default/security.web",
};
const TIER_END: FlowDecision = { ...ALLOW, action: "deny", rule: undefined, name: "security" };

function packet(decision: FlowDecision, change: Partial<LoggedPacket> = {}): LoggedPacket {
  return {
    group: FLOW_GROUPS[decision.direction],
    prefix: flowPrefix(decision),
    hook: 2,
    inLink: 4,
    outLink: 5,
    source: parseAddress("10.244.0.2"),
    destination: parseAddress("10.244.1.3"),
    protocol: 6,
    sourcePort: 40000,
    destinationPort: 80,
    icmp: undefined,
    length: 60,
    ...change,
  };
}

describe("the agent's flows", () => {
  let scope: Scope;
  let clock: TestClock;
  let kernel: FakeKernel;
  let socket: string;

  beforeEach(() => {
    scope = new Scope("test");
    clock = new TestClock();
    kernel = new FakeKernel();
    const directory = mkdtempSync(join(tmpdir(), "oct"));
    scope.add("directory", () => rmSync(directory, { recursive: true }));
    socket = join(directory, "agent.sock");
  });
  afterEach(() => scope.close());

  async function serve(state: "Enabled" | "Disabled" = "Enabled") {
    const metrics = new MetricsRegistry();
    const tables = filledTables();
    const set = (value: string, revision: bigint) =>
      tables.felix.put({
        ...stored("felixconfigurations", "FelixConfiguration", "default", { flowLogsLocalReporter: value }),
        modRevision: revision,
      });
    set(state, 1n);
    const options = { nodeName: "node1", felix: {} };
    const collector = collectFlows({ options, kernel, tables, clock, logger: silentLogger, metrics, scope });
    await serveLocally(
      { path: socket },
      flowRoutes(() => collector, "node1", clock),
      silentLogger,
      scope,
    );
    return { collector, metrics, set, tables };
  }

  async function log(...packets: LoggedPacket[]): Promise<void> {
    for (const each of packets) kernel.namespace.packetLogs.log(each);
    await Promise.resolve();
  }

  const open = (path: string) =>
    new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      get({ socketPath: socket, path }, resolve).on("error", reject);
    });
  const ask = async (path: string) => JSON.parse(await text(await open(path)));

  it("are told with names of both ends, of policy, tier and rule, and counted", async () => {
    await serve();
    await log(packet(ALLOW), packet(ALLOW, { sourcePort: 40001 }));
    await log(packet(TIER_END, { source: parseAddress("203.0.113.9"), destinationPort: 22 }));
    const { flows, ...rest } = await ask("/flows");
    expect(rest).toEqual({ node: "node1", intervalMs: 15_000, lost: 0, uncounted: 0 });
    const at = new Date(clock.now()).toISOString();
    expect(flows).toEqual([
      {
        since: at,
        until: at,
        action: "allow",
        reporter: "destination",
        protocol: "TCP",
        port: 80,
        count: 2,
        source: { kind: "workload", name: "default/client", address: "10.244.0.2" },
        destination: { kind: "workload", name: "default/web", address: "10.244.1.3" },
        steps: [
          { action: "allow", by: "policy", name: "NetworkPolicy default/security.web", tier: "security", rule: 3 },
        ],
      },
      expect.objectContaining({
        action: "deny",
        source: { kind: "networkSet", name: "default/partners", address: "203.0.113.9" },
        steps: [{ action: "deny", by: "tier", name: "security", tier: "security" }],
        port: 22,
      }),
    ]);
    expect((await ask("/flows?dropped=1")).flows).toHaveLength(1);
  });

  it("name hosts, networks, profiles, and policies whose names the log had to shorten", async () => {
    await serve();
    const egress = { ...ALLOW, direction: "egress", owner: "profile", rule: 0, name: "net" } as const;
    await log(packet(egress, { source: parseAddress("172.30.0.2"), destination: parseAddress("192.0.2.1") }));
    await log(packet({ ...ALLOW, name: LONG }, { source: parseAddress("10.9.9.9") }));
    await log(packet({ ...egress, action: "deny", rule: undefined, name: "" }));
    const { flows } = await ask("/flows");
    expect(flows).toEqual([
      expect.objectContaining({
        reporter: "source",
        source: expect.objectContaining({ kind: "host", name: "node2" }),
        destination: expect.objectContaining({ kind: "network", name: "public" }),
        steps: [{ action: "allow", by: "profile", name: "net", rule: 0 }],
      }),
      expect.objectContaining({
        source: expect.objectContaining({ kind: "network", name: "private" }),
        steps: [expect.objectContaining({ name: LONG, tier: "security" })],
      }),
      expect.objectContaining({ steps: [{ action: "deny", by: "end", name: "" }] }),
    ]);
  });

  it("of a packet that was passed on tell who passed it and who decided", async () => {
    await serve();
    const pass: FlowDecision = { ...ALLOW, action: "pass", rule: 0 };
    await log(packet(pass), packet(pass, { sourcePort: 7 }), packet(TIER_END, { sourcePort: 7 }), packet(ALLOW));
    const { flows } = await ask("/flows");
    expect(flows.map(({ steps }: { steps: { action: string }[] }) => steps.map(({ action }) => action))).toEqual([
      ["pass", "deny"],
      ["pass", "allow"],
    ]);
  });

  it("are told since a time, or for a duration; what is neither is refused", async () => {
    await serve();
    await log(packet(ALLOW));
    clock.advance(60_000);
    await log(packet(TIER_END));
    const ports = async (since: string) =>
      (await ask(`/flows?since=${since}`)).flows.map(({ action }: { action: string }) => action);
    expect(await ports("2m")).toEqual(["allow", "deny"]);
    expect(await ports("30s")).toEqual(["deny"]);
    expect(await ports(new Date(clock.now() - 60_000).toISOString())).toEqual(["allow", "deny"]);
    expect(await ask("/flows?since=yesterday")).toMatchObject({ code: "INVALID_TIME" });
  });

  it("can be followed: once a second what has come, until the follower goes", async () => {
    const { collector } = await serve();
    const lines: string[] = [];
    const stream = await open("/flows?follow=1&dropped=1");
    stream.setEncoding("utf8");
    const told = new Promise((resolve) => stream.once("data", (chunk) => resolve(lines.push(String(chunk)))));
    await log(packet(TIER_END), packet(ALLOW), packet(TIER_END));
    clock.advance(1_000);
    await told;
    expect(
      lines
        .join("")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([expect.objectContaining({ action: "deny", count: 2 })]);
    (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
    await expect.poll(() => clock.waiting()).toEqual([]);
    expect(collector.running).toBe(true);
  });

  it("name who has an address last: a pod that goes does not take the name of the one that came", async () => {
    const { tables } = await serve();
    const came = endpointNamed("node1", "next", "10.244.1.3");
    tables.policy.workloads.put(came);
    await log(packet(ALLOW));
    tables.policy.workloads.remove(endpointNamed("node1", "web", "10.244.1.3").key, 9n);
    await log(packet(ALLOW));
    tables.policy.workloads.remove(came.key, 9n);
    await log(packet(ALLOW));
    const { flows } = await ask("/flows");
    expect(
      flows.map(({ destination, count }: { destination: { name: string }; count: number }) => [
        destination.name,
        count,
      ]),
    ).toEqual([
      ["default/next", 2],
      ["private", 1],
    ]);
  });

  it("that a follower does not read are kept from him, not for him, and he is told how many", async () => {
    await serve();
    const stream = await open("/flows?follow=1");
    stream.pause();
    // More than the sockets' buffers and ours hold.
    for (let second = 0; second < 40; second++) {
      await log(...Array.from({ length: 1_000 }, (_, port) => packet(ALLOW, { destinationPort: port })));
      clock.advance(1_000);
    }
    let heard = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk) => {
      heard += String(chunk);
    });
    stream.resume();
    const missed = async () => {
      await log(packet(ALLOW));
      clock.advance(1_000);
      return heard.includes('{"missed":');
    };
    await expect.poll(missed).toBe(true);
    const lines = heard.trimEnd().split("\n");
    expect(lines.length).toBeLessThan(40_000);
    const missing = lines.flatMap((line) => (line.startsWith('{"missed"') ? [JSON.parse(line).missed as number] : []));
    expect(missing.length).toBeGreaterThan(0);
    expect(Math.max(...missing)).toBeGreaterThan(1_000);
  });

  it("say what was lost, and what others log to the same groups", async () => {
    const { metrics } = await serve();
    kernel.namespace.packetLogs.lose(1, 5);
    await log(packet(ALLOW, { prefix: "somebody else's" }));
    expect(await ask("/flows")).toMatchObject({ lost: 5, flows: [] });
    expect(metrics.expose()).toContain("ocicat_flows_foreign_packets_total 1");
    expect(metrics.expose()).toContain("ocicat_flows_lost_packets_total 5");
  });

  it("are off while another listens, of which who asks is told, and on once he is gone", async () => {
    const another = kernel.packetLog([2], () => {});
    const { set } = await serve();
    expect(await ask("/flows")).toMatchObject({ code: "FLOWS_OFF" });
    clock.advance(10_000);
    expect(await ask("/flows")).toMatchObject({ code: "FLOWS_OFF" });
    another.close();
    clock.advance(10_000);
    await log(packet(ALLOW));
    expect((await ask("/flows")).flows).toHaveLength(1);
    expect(clock.waiting()).toEqual([]);
    set("Disabled", 2n);
    expect(await ask("/flows")).toMatchObject({ code: "FLOWS_OFF" });
  });

  it("that nobody wants any more are not tried for", async () => {
    kernel.packetLog([2], () => {});
    const { set } = await serve();
    set("Disabled", 2n);
    expect(clock.waiting()).toEqual([]);
  });

  it("are off where they are not wanted, and come and go with the setting", async () => {
    const { collector, set } = await serve("Disabled");
    expect(collector.running).toBe(false);
    set("Enabled", 2n);
    await log(packet(ALLOW));
    expect((await ask("/flows")).flows).toHaveLength(1);
    set("Disabled", 3n);
    const answer = await ask("/flows");
    expect(answer.code).toBe("FLOWS_OFF");
    expect(answer.message).toContain("flowLogsLocalReporter");
  });
});
