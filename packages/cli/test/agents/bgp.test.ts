import { afterEach, describe, expect, it } from "vitest";
import { type Answers, startAgent, type TestAgent } from "../support/agent.ts";
import { terminal } from "../support/terminal.ts";

const agents: TestAgent[] = [];
afterEach(() => Promise.all(agents.splice(0).map((agent) => agent.stop())));

const SESSION = {
  name: "Mesh_192_168_0_82",
  reason: "node-to-node mesh with node2 [Node node2]",
  address: "192.168.0.82",
  as: 64512,
  type: "node-to-node mesh",
  node: "node2",
  state: "Established",
  since: "2026-11-21T01:19:42.123Z",
  info: "Established",
  received: 3,
  accepted: 2,
  advertised: 1,
  stale: 0,
  updatesIn: 4,
  updatesOut: 5,
  negotiated: { routerId: "192.168.0.82", holdTimeS: 90, fourOctetAs: true },
};
const DOWN = {
  ...SESSION,
  name: "Global_192_168_0_1",
  address: "192.168.0.1",
  node: undefined,
  as: 65000,
  type: "global",
  state: "Active",
  info: "no answer on port 179",
  negotiated: undefined,
};
const PATH = {
  prefix: "10.244.2.0/26",
  peer: "Mesh_192_168_0_82",
  nextHop: "192.168.0.82",
  attributes: ["ORIGIN: IGP", "AS_PATH: 65000 65001", "LOCAL_PREF: 100"],
  verdict: "best",
  why: "only path",
  stale: false,
};
const EVENT = { at: "2026-11-21T01:19:42.123Z", session: "Mesh_192_168_0_82", state: "Active", why: "refused" };

const BODIES: Readonly<Record<string, unknown>> = {
  "/bgp": { peers: [SESSION, DOWN] },
  "/bgp/routes": [PATH, { ...PATH, peer: undefined, nextHop: undefined, origin: "block of node1" }],
  "/bgp/why": {
    prefix: "10.244.2.0/26",
    paths: [PATH, { ...PATH, verdict: "refused", why: "BGPFilter f importV4[0]" }],
    exports: [
      { peer: "Global_192_168_0_1", told: false, attributes: [], why: "in no IPPool" },
      { peer: "Mesh_192_168_0_83", told: true, attributes: ["AS_PATH: "], why: "nothing keeps it back" },
    ],
  },
  "/bgp/log": [EVENT],
};

/** A command line with an agent that answers it, and what was asked. */
async function bgp(...line: string[]) {
  const asked: string[] = [];
  const answers: Answers = (path, query) => {
    asked.push([path, ...(query.size > 0 ? [query.toString()] : [])].join("?"));
    return { body: JSON.stringify(BODIES[path]) };
  };
  const agent = await startAgent(answers);
  agents.push(agent);
  const run = terminal({ agentSocket: agent.socket, now: new Date("2026-11-21T03:00:00Z") });
  return { ...(await run("bgp", ...line)), asked };
}

describe("bgp peers", () => {
  it("is a line for each session, with why one is not up", async () => {
    expect((await bgp("peers")).stdout).toMatchInlineSnapshot(`
      "NODE       SESSION              PEER          AS      TYPE                STATE         SINCE      TAKEN/TOLD   ADVERTISED   INFO
      this one   Mesh_192_168_0_82    node2         64512   node-to-node mesh   Established   01:19:42   2/3          1
      this one   Global_192_168_0_1   192.168.0.1   65000   global              Active        01:19:42                             no answer on port 179
      "
    `);
  });
});

describe("bgp peer", () => {
  it("is all about one, by any of its names", async () => {
    for (const name of ["Mesh_192_168_0_82", "192.168.0.82", "node2"]) {
      const { stdout } = await bgp("peer", name);
      expect(stdout).toContain("Because of:    node-to-node mesh with node2 [Node node2]\n");
      expect(stdout).toContain("Hold time (s): 90\n");
      expect(stdout).toContain("3 told by it, 2 of them taken, 1 told to it\n");
    }
  });

  it("that is not there is refused, with those that are", async () => {
    expect(await bgp("peer", "tor")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("use one of Mesh_192_168_0_82, Global_192_168_0_1"),
    });
  });
});

describe("bgp routes", () => {
  it("are the best ones, unless told otherwise", async () => {
    expect((await bgp("routes")).asked).toEqual(["/bgp/routes?best=1"]);
    expect((await bgp("routes", "10.244.2.0/26", "--all")).asked).toEqual(["/bgp/routes?prefix=10.244.2.0%2F26"]);
    expect((await bgp("routes", "--received", "tor")).asked).toEqual(["/bgp/routes?received=tor"]);
    expect((await bgp("routes", "--advertised", "tor")).asked).toEqual(["/bgp/routes?advertised=tor"]);
    expect((await bgp("routes", "--received", "tor", "--best")).asked).toEqual(["/bgp/routes?received=tor&best=1"]);
  });

  it("are a line each", async () => {
    const { stdout } = await bgp("routes");
    expect(stdout).toMatch(
      /10\.244\.2\.0\/26 +192\.168\.0\.82 +Mesh_192_168_0_82 +65000 65001 +100 +best +only path\n/,
    );
    expect(stdout).toMatch(/10\.244\.2\.0\/26 +\(own\) +65000 65001 +100 +best +only path; block of node1\n/);
  });

  it.each([
    [["--received", "a", "--advertised", "b"], "exclude each other"],
    [["10.244.0.0/33"], "give a network such as"],
    [["-o", "wibble"], "use one of ps, json"],
  ])("refuse %j", async (line, why) => {
    expect(await bgp("routes", ...line)).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(why) });
  });
});

describe("bgp why", () => {
  it("tells the paths, and who is told", async () => {
    expect((await bgp("why", "10.244.2.7")).stdout).toBe(
      [
        "this one: 10.244.2.0/26",
        "  * from Mesh_192_168_0_82, next hop 192.168.0.82",
        "      best: only path",
        "      ORIGIN: IGP, AS_PATH: 65000 65001, LOCAL_PREF: 100",
        "  x from Mesh_192_168_0_82, next hop 192.168.0.82",
        "      refused: BGPFilter f importV4[0]",
        "      ORIGIN: IGP, AS_PATH: 65000 65001, LOCAL_PREF: 100",
        "  told to:",
        "    Global_192_168_0_1: no, in no IPPool",
        "    Mesh_192_168_0_83: yes, nothing keeps it back; AS_PATH: ",
        "",
      ].join("\n"),
    );
  });
});

describe("bgp log", () => {
  it("is what became of sessions", async () => {
    expect((await bgp("log")).stdout).toBe("2026-11-21T01:19:42.123Z  this one  Mesh_192_168_0_82  Active  refused\n");
    expect(JSON.parse((await bgp("log", "-o", "json")).stdout)).toEqual({ node: "this one", ...EVENT });
  });
});
