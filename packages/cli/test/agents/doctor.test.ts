import { CHECKS, type Diagnosis, type Finding } from "@ocicat/doctor";
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

const forwarding: Finding = {
  code: "FORWARDING_OFF",
  severity: "error",
  node: "node1",
  where: "sysctl net/ipv4/ip_forward",
  what: "is 0",
  why: "the node forwards no IPv4 packet",
  mend: { command: "sysctl -w net/ipv4/ip_forward=1", node: "node1" },
  sure: "certain",
};
const pods: Finding = {
  ...forwarding,
  code: "MTU_POD",
  severity: "warning",
  where: "pod default/pod1 (cali1)",
  mend: {
    command: "ip -n \"$(ip link show cali1 | sed -n 's/.*link-netns //p')\" link set eth0 mtu 1450",
    node: "node1",
  },
  sure: "likely",
};
const diagnosis = (...findings: readonly Finding[]): Diagnosis => ({ node: "node1", findings, notLooked: [] });

describe("doctor", () => {
  it("says that nothing was found, with exit code 0", async () => {
    const run = terminal({ agentSocket: await agent(always(diagnosis())) });
    expect(await run("doctor")).toEqual({ code: 0, stderr: "", stdout: "Nothing was found on node1.\n" });
  });

  it("prints the gravest first, each with its command, with exit code 1", async () => {
    const run = terminal({ agentSocket: await agent(always(diagnosis(forwarding, pods))) });
    expect(await run("doctor")).toEqual({
      code: 1,
      stderr: "",
      stdout: `Packets are lost:

FORWARDING_OFF  node1  sysctl net/ipv4/ip_forward
  is 0
  why   the node forwards no IPv4 packet
  mend  sysctl -w net/ipv4/ip_forward=1

Worth a look:

MTU_POD  node1  pod default/pod1 (cali1)
  is 0 (likely)
  why   the node forwards no IPv4 packet
  mend  ip -n "$(ip link show cali1 | sed -n 's/.*link-netns //p')" link set eth0 mtu 1450

2 findings on node1.
`,
    });
  });

  it("prints commands as they are typed outside a lab", async () => {
    const away: Finding = { ...forwarding, code: "AGENT_AWAY", mend: { command: "ocicat agent", node: "node1" } };
    const elsewhere: Finding = {
      ...forwarding,
      code: "BGP_SESSION_DOWN",
      mend: { command: "ocicat doctor", node: "node2" },
    };
    const anywhere: Finding = {
      ...forwarding,
      code: "ADDRESS_SHARED",
      mend: { command: "ocicat delete node old", node: undefined },
    };
    const socket = await agent(always(diagnosis(forwarding, pods, away, elsewhere, anywhere)));
    const commands = async (lab: string) => {
      const { stdout } = await terminal({ labNodes: [{ name: "node1", lab, socket }] })("doctor", "-o", "json");
      return (JSON.parse(stdout) as readonly Diagnosis[])[0]?.findings.map(({ mend }) => mend.command);
    };
    expect(await commands("ocicat")).toEqual([
      "ocicat lab exec node1 -- sysctl -w net/ipv4/ip_forward=1",
      `ocicat lab exec node1 -- sh -c 'ip -n "$(ip link show cali1 | sed -n '\\''s/.*link-netns //p'\\'')" link set eth0 mtu 1450'`,
      "ocicat lab up --name ocicat",
      "ocicat doctor --node node2",
      "ocicat delete node old",
    ]);
    expect((await commands("mine"))?.[0]).toBe("ocicat lab exec --name mine node1 -- sysctl -w net/ipv4/ip_forward=1");
  });

  it("tells which checks could not look, and why", async () => {
    const answer = {
      ...diagnosis(),
      notLooked: [
        { code: "A", why: "EPERM" },
        { code: "B", why: "EPERM" },
      ],
    };
    const { stdout } = await terminal({ agentSocket: await agent(always(answer)) })("doctor");
    expect(stdout).toBe("Nothing was found on node1.\nNot looked for on node1 (EPERM): A, B.\n");
  });

  it("ends with 2 where a node could not be looked at, and tells what the others say", async () => {
    const nodes = [
      { name: "node1", lab: "l", socket: await agent(always(diagnosis(forwarding))) },
      { name: "node2", lab: "l", socket: await agent(() => ({ status: 500, body: '{"message":"oops"}' })) },
    ];
    const run = terminal({ labNodes: nodes });
    expect(await run("doctor")).toMatchObject({
      code: 2,
      stdout: expect.stringContaining("1 finding on node1."),
      stderr: `ocicat: node node2 could not be looked at: ${nodes[1]?.socket}: oops\n`,
    });
    expect((await run("doctor", "--node", "node1")).code).toBe(1);
    expect(await run("doctor", "--node", "node9")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("use one of node1, node2"),
    });
    expect(await run("doctor", "-o", "yaml")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("use one of ps, json"),
    });
  });

  it("lists what is looked for", async () => {
    const { code, stdout } = await terminal()("doctor", "--list");
    expect(code).toBe(0);
    for (const check of CHECKS)
      expect(stdout).toMatch(new RegExp(`^${check.code} +${check.severity} +${check.looksFor.slice(0, 20)}`, "m"));
  });
});
