import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, program, TestLab } from "./support/lab.ts";
import { SteadyPing } from "./support/steady-ping.ts";

const NODES = [1, 2, 3, 4, 5] as const;
const RESTART_S = 12;

const TOPOLOGY = `
segments: [lan]
routers:
  - { name: tor, interfaces: [{ segment: lan, address: 10.0.1.1/24 }] }
nodes:
${NODES.map((n) => `  - { name: node${n}, segment: lan, address: 10.0.1.1${n}/24, gateway: 10.0.1.1 }`).join("\n")}
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
${NODES.map((n) => `  - { name: pod${n}, node: node${n} }`).join("\n")}
`;

const lab = new TestLab(TOPOLOGY, program("ocicat"));
const files = mkdtempSync(join(tmpdir(), "oct-restart-"));

beforeAll(async () => {
  await lab.up();
  const path = join(files, "default.json");
  const spec = { nodeMeshMaxRestartTime: `${RESTART_S}s` };
  const metadata = { name: "default" };
  writeFileSync(path, JSON.stringify({ apiVersion: "projectcalico.org/v3", kind: "BGPConfiguration", metadata, spec }));
  expect(lab.ocicat("apply", "-f", path).code).toBe(0);
});
afterAll(async () => {
  rmSync(files, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

interface Peer {
  readonly address: string;
  readonly state: string;
  readonly received: number;
  readonly stale: number;
  readonly negotiated?: { readonly restartTimeS?: number };
}

async function peers(node: string): Promise<readonly Peer[]> {
  return ((await lab.agent(node, "/bgp")) as { peers: readonly Peer[] }).peers;
}

/** What the others have of the node that is restarted. */
async function ofNode5(): Promise<Peer[]> {
  const others = NODES.filter((n) => n !== 5).map((n) => peers(`node${n}`));
  return (await Promise.all(others)).flatMap((all) => all.filter(({ address }) => address === "10.0.1.15"));
}

const all = (holds: (peer: Peer) => boolean) => (peersOfIt: readonly Peer[]) =>
  peersOfIt.length === 4 && peersOfIt.every(holds);

describe("five nodes, of which one's agent is killed", () => {
  it("lose no packet: the others keep its routes, and have them again by its End-of-RIB", async () => {
    await eventually(
      ofNode5,
      all(({ negotiated }) => negotiated?.restartTimeS === RESTART_S),
      30_000,
    );
    await eventually(
      ofNode5,
      all(({ state, received, stale }) => state === "Established" && received === 1 && stale === 0),
    );
    const pings = NODES.filter((n) => n !== 5).flatMap((n) => [
      new SteadyPing(lab, `pod${n}`, lab.address("pod5")),
      new SteadyPing(lab, "pod5", lab.address(`pod${n}`)),
    ]);
    for (const ping of pings) await ping.answered(20);
    await lab.lab.kill("agent-node5");
    await eventually(
      ofNode5,
      all(({ state, received, stale }) => state !== "Established" && received === 1 && stale === 1),
    );
    for (const ping of pings) await ping.answered(20);
    await lab.lab.restartAgent("node5");
    await eventually(
      ofNode5,
      all(({ state, received, stale }) => state === "Established" && received === 1 && stale === 0),
      30_000,
    );
    for (const ping of pings) await ping.answered(20);
    for (const ping of pings) expect((await ping.stop()).missing).toEqual([]);
  });

  it("give its routes up when its restart time has passed and it has not come back", async () => {
    const before = performance.now();
    await lab.lab.kill("agent-node5");
    await eventually(
      ofNode5,
      all(({ stale }) => stale === 1),
    );
    await eventually(
      ofNode5,
      all(({ received }) => received === 0),
      30_000,
    );
    const passed = (performance.now() - before) / 1000;
    expect(passed).toBeGreaterThan(RESTART_S - 1);
    expect(passed).toBeLessThan(RESTART_S + 10);
    await eventually(
      () => lab.out("node1", "ip", "route"),
      (routes) => !routes.includes(lab.block("pod5")),
    );
    await lab.lab.restartAgent("node5");
    await eventually(
      () => lab.out("node1", "ip", "route"),
      (routes) => routes.includes(lab.block("pod5")),
      30_000,
    );
  });
});
