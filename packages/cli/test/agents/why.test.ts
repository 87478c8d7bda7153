import { afterEach, describe, expect, it } from "vitest";
import { type Answers, always, startAgent, type TestAgent } from "../support/agent.ts";
import { startEmbedded } from "../support/datastores.ts";
import { goldenForAll } from "../support/golden.ts";
import { terminal } from "../support/terminal.ts";

const agents: TestAgent[] = [];
afterEach(() => Promise.all(agents.splice(0).map((agent) => agent.stop())));

async function agent(answers: Answers): Promise<string> {
  const started = await startAgent(answers);
  agents.push(started);
  return started.socket;
}

describe("routes why", () => {
  const route = {
    destination: "10.244.104.0/26",
    route: "10.244.104.0/26 via 192.168.0.82 dev ens33 proto bird",
    why: "block 10.244.104.0/26 is node2's",
    kernel: "programmed",
  };
  const own = {
    destination: "10.244.166.128/26",
    why: "the node's own block",
    kernel: "not there yet",
    announced: "the node's own block",
  };

  it("says of each node's routes whether the kernel has them and why they are there", async () => {
    const labAgents = [
      { name: "master", socket: await agent(always([route])) },
      { name: "node1", socket: await agent(always([own])) },
      { name: "node2", socket: await agent(always([])) },
    ];
    const { code, stdout } = await terminal({ labAgents })("routes", "why", "10.244.104.7");
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "NODE     WHAT                                                    STATE           WHY",
        "master   10.244.104.0/26 via 192.168.0.82 dev ens33 proto bird   programmed      block 10.244.104.0/26 is node2's",
        "node1    (none) 10.244.166.128/26                                not there yet   the node's own block",
        "node1    announcement 10.244.166.128/26                          announced       the node's own block",
        "",
      ].join("\n"),
    );
  });

  it("asks for what was typed, and shows the answers as JSON", async () => {
    const agentSocket = await agent((path, query) => ({
      body: JSON.stringify([{ ...route, destination: `${path} ${query.get("target")}` }]),
    }));
    const { stdout } = await terminal({ agentSocket })("routes", "why", "10.244.104.0/26", "-o", "json");
    expect(JSON.parse(stdout)).toEqual([
      { node: "this one", body: [{ ...route, destination: "/routes/why 10.244.104.0/26" }] },
    ]);
  });

  it("says so where no route of ours is concerned", async () => {
    const agentSocket = await agent(always([]));
    expect(await terminal({ agentSocket })("routes", "why", "8.8.8.8")).toEqual({
      code: 0,
      stdout: "No route of ours concerns 8.8.8.8: the node's other routes apply.\n",
      stderr: "",
    });
  });

  it("shows what the others know where one agent does not answer, and exits with 1", async () => {
    const labAgents = [
      { name: "master", socket: await agent(always([route])) },
      { name: "node1", socket: "/nonexistent/agent.sock" },
    ];
    const { code, stdout, stderr } = await terminal({ labAgents })("routes", "why", "10.244.104.7");
    expect(stdout).toContain("master   10.244.104.0/26 via");
    expect(stderr).toBe(
      "ocicat: node node1 is left out: /nonexistent/agent.sock: the agent does not answer (it has ended)\n",
    );
    expect(code).toBe(1);
  });
});

describe("get -o why", () => {
  const datastore = goldenForAll(startEmbedded);

  it("lists what each agent holds because of each resource", async () => {
    const answers: Answers = (path, query) => {
      const asked = `${path} ${query.get("kind")} ${query.get("name")}`;
      return {
        body: JSON.stringify(query.get("name") === "tiny" ? [{ object: `route for ${asked}`, reason: "because" }] : []),
      };
    };
    const labAgents = [
      { name: "master", socket: await agent(answers) },
      { name: "node1", socket: await agent(answers) },
    ];
    const run = terminal({ labAgents, env: { ETCD_ENDPOINTS: datastore.endpoint } });
    const { code, stdout, stderr } = await run("get", "ippool", "-o", "why");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      [
        "KIND     NAME   NODE     HOLDS                                 BECAUSE",
        "IPPool   tiny   master   route for /consequences IPPool tiny   because",
        "IPPool   tiny   node1    route for /consequences IPPool tiny   because",
        "",
      ].join("\n"),
    );
  });

  it("names a namespaced resource with its namespace", async () => {
    const agentSocket = await agent((_path, query) => ({
      body: JSON.stringify([{ object: "asked for", reason: query.get("name") ?? "" }]),
    }));
    const run = terminal({ agentSocket, env: { ETCD_ENDPOINTS: datastore.endpoint } });
    const { stdout } = await run("get", "wep", "node2-k8s-db--0-eth0", "-o", "why");
    expect(stdout).toContain("asked for   default/node2-k8s-db--0-eth0");
  });
});
