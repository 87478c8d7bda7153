import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { run } from "../../src/index.ts";
import { type Answers, startAgent, type TestAgent } from "../support/agent.ts";
import { surroundings, terminal } from "../support/terminal.ts";

const agents: TestAgent[] = [];
afterEach(() => Promise.all(agents.splice(0).map((agent) => agent.stop())));

async function agent(answers: Answers): Promise<string> {
  const started = await startAgent(answers);
  agents.push(started);
  return started.socket;
}

const FLOW = {
  since: "2026-11-21T03:00:00.000Z",
  until: "2026-11-21T03:00:10.500Z",
  action: "deny",
  reporter: "destination",
  source: { kind: "workload", name: "prod/web-1", address: "10.244.166.130" },
  destination: { kind: "workload", name: "default/db-0", address: "10.244.104.2" },
  protocol: "TCP",
  port: 5432,
  steps: [
    { action: "pass", by: "policy", name: "GlobalNetworkPolicy look", tier: "security", rule: 0 },
    { action: "deny", by: "tier", name: "default" },
  ],
  count: 3,
};
const EARLIER = {
  ...FLOW,
  until: "2026-11-21T02:59:00.000Z",
  action: "allow",
  reporter: "source",
  destination: { kind: "network", name: "public", address: "203.0.113.9" },
  protocol: "ICMP",
  port: undefined,
  icmp: { type: 8, code: 0 },
  steps: [{ action: "allow", by: "profile", name: "k8s-pod-network", rule: 0 }],
  count: 1,
};
const answer = (flows: readonly object[], more = {}) => ({
  body: JSON.stringify({ node: "n", intervalMs: 15_000, lost: 0, uncounted: 0, flows, ...more }),
});

describe("flows", () => {
  it("tells who talked to whom, by which rule, of all nodes in the order of time", async () => {
    const labAgents = [
      { name: "node1", socket: await agent(() => answer([FLOW], { lost: 2 })) },
      { name: "node2", socket: await agent(() => answer([EARLIER])) },
    ];
    const { code, stdout, stderr } = await terminal({ labAgents })("flows");
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "TIME              NODE    ACTION   SOURCE                        DESTINATION                   PACKETS       COUNT   BY",
        "02:59:00.000000   node2   allow    prod/web-1 (10.244.166.130)   203.0.113.9 (public)          ICMP type 8   1       Profile k8s-pod-network spec.egress[0]",
        "03:00:10.500000   node1   deny     prod/web-1 (10.244.166.130)   default/db-0 (10.244.104.2)   TCP 5432      3       GlobalNetworkPolicy look spec.ingress[0] passes; end of the tier default",
        "",
      ].join("\n"),
    );
    expect(stderr).toBe("ocicat: node node1: 2 packets came faster than they could be read\n");
  });

  it("asks for what is wanted, and shows it as JSON and YAML", async () => {
    const asked: string[] = [];
    const agentSocket = await agent((path, query) => {
      asked.push(`${path}?${query}`);
      return answer([FLOW]);
    });
    const { stdout } = await terminal({ agentSocket })("flows", "--dropped", "--since", "5m", "-o", "json");
    expect(asked).toEqual(["/flows?dropped=1&since=5m"]);
    expect(JSON.parse(stdout)).toMatchObject([{ node: "n", flows: [{ action: "deny", count: 3 }] }]);
    expect((await terminal({ agentSocket })("flows", "-o", "yaml")).stdout).toContain("    port: 5432\n");
  });

  it("says so where there is none, and why where they are not kept", async () => {
    expect((await terminal({ agentSocket: await agent(() => answer([])) })("flows")).stdout).toBe(
      "No flow was seen.\n",
    );
    const off = await agent(() => ({
      status: 400,
      body: '{"code":"FLOWS_OFF","message":"this node keeps no flow log"}',
    }));
    const { code, stderr } = await terminal({ agentSocket: off })("flows");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("this node keeps no flow log") });
    const outcome = { code: 0, stdout: "", stderr: "" };
    const { promise: never } = Promise.withResolvers<void>();
    await run(["flows", "--follow"], { ...surroundings({ agentSocket: off }, outcome), untilStopped: () => never });
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining("this node keeps no flow log") });
  });

  it("follows: a line for each flow as it comes, until it is told to stop", async () => {
    const directory = await mkdtemp(join(tmpdir(), "oct-flows-"));
    const socket = join(directory, "agent.sock");
    const gone = Promise.withResolvers<void>();
    const server = createServer((request, response) => {
      expect(request.url).toBe("/flows?dropped=1&follow=1");
      const line = JSON.stringify(FLOW);
      // In pieces, as a socket may hand it over.
      response.write(line.slice(0, 40));
      setImmediate(() => response.write(`${line.slice(40)}\n{"missed":4}\n`));
      response.once("close", gone.resolve);
    });
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
    const outcome = { code: 0, stdout: "", stderr: "" };
    const stop = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    const base = surroundings({ agentSocket: socket }, outcome);
    const running = run(["flows", "--dropped", "--follow"], {
      ...base,
      untilStopped: () => stop.promise,
      tell: (line) => {
        base.tell(line);
        told.resolve();
      },
    });
    await told.promise;
    stop.resolve();
    await Promise.all([running, gone.promise]);
    await new Promise((resolve) => {
      server.close(resolve);
    });
    await rm(directory, { recursive: true });
    expect(outcome).toEqual({
      code: 0,
      stdout:
        "03:00:10.500000  this one  deny   prod/web-1 (10.244.166.130) → default/db-0 (10.244.104.2)  TCP 5432 ×3  GlobalNetworkPolicy look spec.ingress[0] passes; end of the tier default\n",
      stderr: "ocicat: node this one: 4 flows were left out, for they came too fast\n",
    });
  });
});
