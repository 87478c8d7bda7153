import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, program, TestLab } from "./support/lab.ts";
import { RouteWitness } from "./support/route-witness.ts";
import { SteadyPing } from "./support/steady-ping.ts";

const TOPOLOGY = `
segments: [lan]
routers:
  - { name: tor, interfaces: [{ segment: lan, address: 10.0.1.1/24 }] }
nodes:
${[1, 2, 3, 4].map((n) => `  - { name: node${n}, segment: lan, address: 10.0.1.1${n}/24, gateway: 10.0.1.1 }`).join("\n")}
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
${[1, 2, 3, 4].map((n) => `  - { name: pod${n}, node: node${n} }`).join("\n")}
`;

const lab = new TestLab(TOPOLOGY, program("ocicat"));

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

interface Session {
  readonly address: string;
  readonly type: string;
  readonly state: string;
  readonly since: string;
}

async function sessions(node: string): Promise<readonly Session[]> {
  const { peers } = (await lab.agent(node, "/bgp")) as { peers: readonly Session[] };
  return peers;
}

describe("from a mesh to reflectors", () => {
  it("is proposed, and nothing is written", () => {
    const { code, stdout, stderr } = lab.ocicat("bgp", "plan", "reflectors");
    expect(code).toBe(0);
    expect(stdout).toContain("4 nodes, of which node1 and node2 reflect, in cluster 244.0.0.1.");
    expect(stdout).toContain("Sessions of each other node: 3 in the mesh, 2 then.");
    expect(stderr).toContain("nothing is written: that is done with --apply");
    expect(lab.ocicat("get", "bgppeer").stdout).not.toContain("ocicat-route-reflectors");
  });

  it("goes without losing a route or a packet", async () => {
    await eventually(
      () => sessions("node3"),
      (all) => all.length === 3 && all.every(({ state }) => state === "Established"),
    );
    const before = new Map((await sessions("node3")).map(({ address, since }) => [address, since]));
    const pings = [
      ["pod1", "pod3"],
      ["pod3", "pod4"],
      ["pod4", "pod2"],
    ].map(([from = "", to = ""]) => new SteadyPing(lab, from, lab.address(to), 0.005));
    const witness = await RouteWitness.start(lab, "node3");
    for (const ping of pings) await ping.answered(20);
    const { code, stderr } = lab.ocicat("bgp", "plan", "reflectors", "--apply");
    expect(stderr).toContain("the mesh is off");
    expect(code).toBe(0);
    const after = await eventually(
      () => sessions("node3"),
      (all) => all.length === 2,
    );
    expect(after.map(({ address, type, state }) => `${address} ${type} ${state}`)).toEqual([
      "10.0.1.11 global Established",
      "10.0.1.12 global Established",
    ]);
    // The sessions with what are reflectors now are those that there were.
    for (const { address, since } of after) expect(since).toBe(before.get(address));
    for (const ping of pings) await ping.answered(50);
    for (const ping of pings) expect((await ping.stop()).missing).toEqual([]);
    const { taken } = await witness.stop();
    expect(taken.filter((route) => route.startsWith("10.244."))).toEqual([]);
    const why = lab.ocicat("bgp", "why", lab.address("pod4")).stdout;
    expect(why).toContain("10.0.1.14");
    expect(lab.ocicat("get", "caliconodestatus").stdout).not.toContain("ocicat-plan");
  });

  it("is done: asked again, the same nodes reflect", () => {
    expect(lab.ocicat("bgp", "plan", "reflectors").stdout).toContain("node1 and node2 reflect");
  });
});
