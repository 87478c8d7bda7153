import { afterEach, describe, expect, it } from "vitest";
import { type Answers, always, startAgent, type TestAgent } from "../support/agent.ts";
import { terminal } from "../support/terminal.ts";

const agents: TestAgent[] = [];
afterEach(() => Promise.all(agents.splice(0).map((agent) => agent.stop())));

async function agent(answers: Answers): Promise<string> {
  const started = await startAgent(answers);
  agents.push(started);
  return started.socket;
}

const peer = (address: string, state: string, since: string, info = state) => ({
  address,
  type: "node-to-node mesh",
  state,
  since,
  info,
});

describe("node status", () => {
  it("prints what calicoctl prints, and why a session is not established", async () => {
    const agentSocket = await agent(
      always({
        peers: [
          peer("192.168.0.81", "Established", "2026-11-21T01:19:42.123Z"),
          peer("192.168.0.82", "Established", "2026-11-19T01:19:25.000Z"),
          peer("192.168.0.83", "Active", "2026-11-21T01:19:25.000Z", "connection refused"),
        ],
      }),
    );
    const run = terminal({ name: "calicoctl", agentSocket, now: new Date("2026-11-21T03:00:00Z") });
    expect(await run("node", "status")).toEqual({
      code: 0,
      stderr: "",
      stdout: `Calico process is running.

IPv4 BGP status
+--------------+-------------------+-------+------------+---------------------------+
| PEER ADDRESS |     PEER TYPE     | STATE |   SINCE    |           INFO            |
+--------------+-------------------+-------+------------+---------------------------+
| 192.168.0.81 | node-to-node mesh | up    | 01:19:42   | Established               |
| 192.168.0.82 | node-to-node mesh | up    | 2026-11-19 | Established               |
| 192.168.0.83 | node-to-node mesh | start | 01:19:25   | Active connection refused |
+--------------+-------------------+-------+------------+---------------------------+

IPv6 BGP status
No IPv6 peers found.

`,
    });
  });

  it("has a section for each family", async () => {
    const agentSocket = await agent(always({ peers: [peer("fd00::2", "Established", "2026-11-21T01:19:42Z")] }));
    const { stdout } = await terminal({ agentSocket, timeZone: "Asia/Shanghai" })("node", "status");
    expect(stdout).toContain("IPv4 BGP status\nNo IPv4 peers found.\n\nIPv6 BGP status\n+-");
    expect(stdout).toContain("| fd00::2      | node-to-node mesh | up    | 09:19:42 | Established |");
  });

  it("is of the lab's first node, or of the one named, where no agent runs on this host", async () => {
    const labAgents = [
      {
        name: "master",
        socket: await agent(always({ peers: [peer("192.168.0.81", "Established", "2026-11-21T01:00:00Z")] })),
      },
      {
        name: "node1",
        socket: await agent(always({ peers: [peer("192.168.0.80", "Established", "2026-11-21T01:00:00Z")] })),
      },
    ];
    const run = terminal({ labAgents });
    const first = await run("node", "status");
    expect(first.stdout).toContain("| 192.168.0.81 |");
    expect(first.stderr).toBe("ocicat: this is node master of the lab; for another say --node NAME: node1\n");
    expect(await run("node", "status", "--node", "node1")).toMatchObject({
      stdout: expect.stringContaining("| 192.168.0.80 |"),
      stderr: "",
    });
    expect(await run("node", "status", "--node", "node9")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("use one of master, node1"),
    });
  });

  it.each([
    [
      "refuses, with its reason",
      { status: 400, body: '{"code":"AGENT_NOT_READY","message":"not in sync yet"}' },
      "not in sync yet",
    ],
    ["refuses without one", { status: 500, body: "oops\n" }, "the agent answered 500: oops"],
    ["speaks no JSON", { body: "<html>" }, "the agent's answer is not JSON"],
    ["says something else", { body: '{"peers":[{"address":1}]}' }, 'does not hold "address" as text'],
    ["says a list", { body: "[]" }, "does not hold a list"],
  ])("is one error where the agent %s", async (_what, answer, part) => {
    const agentSocket = await agent(() => answer);
    const { code, stdout, stderr } = await terminal({ agentSocket })("node", "status");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^ocicat: [^\n]+\n$/);
    expect(stderr).toContain(part);
  });

  it("is one error where an agent left its socket behind", async () => {
    const labAgents = [{ name: "gone", socket: "/nonexistent/agent.sock" }];
    expect(await terminal({ labAgents })("node", "status")).toMatchObject({
      code: 1,
      stderr: "ocicat: /nonexistent/agent.sock: the agent does not answer (it has ended)\n",
    });
  });
});
