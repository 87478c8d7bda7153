import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RouterBird, startBird } from "./support/bird.ts";
import { eventually, program, TestLab } from "./support/lab.ts";
import { SteadyPing } from "./support/steady-ping.ts";

/** Two nodes on a segment, with a second cable between them, and a router with BIRD. */
const TOPOLOGY = `
segments: [lan]
routers:
  - name: tor
    interfaces:
      - { segment: lan, address: 10.0.1.1/24 }
nodes:
  - { name: node1, segment: lan, address: 10.0.1.11/24, gateway: 10.0.1.1 }
  - { name: node2, segment: lan, address: 10.0.1.12/24, gateway: 10.0.1.1 }
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: pod1, node: node1 }
  - { name: pod2, node: node2 }
`;
/** Lower than the segment's: of two paths that are alike the one by the lowest peer address is taken. */
const CABLE = { node1: "10.0.0.1", node2: "10.0.0.2" } as const;
const BFD = "ocicat.io/bfd";
const PING_S = 0.005;

const lab = new TestLab(TOPOLOGY, program("ocicat"));
const files = mkdtempSync(join(tmpdir(), "oct-bfd-"));
let bird: RouterBird | undefined;

beforeAll(async () => {
  await lab.up();
  const there = String(lab.pid("agent-node2"));
  await lab.out("node1", "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", there);
  for (const [node, address] of Object.entries(CABLE)) {
    await lab.out(node, "ip", "address", "add", `${address}/30`, "dev", "cable");
    await lab.out(node, "ip", "link", "set", "cable", "up");
  }
});
afterAll(async () => {
  await bird?.stop();
  rmSync(files, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

function apply(kind: string, name: string, spec: object, annotations: Readonly<Record<string, string>> = {}): void {
  const path = join(files, `${name}.json`);
  const metadata = { name, annotations };
  writeFileSync(path, JSON.stringify({ apiVersion: "projectcalico.org/v3", kind, metadata, spec }));
  const done = lab.ocicat("apply", "-f", path);
  expect(done.stderr).toBe("");
}

function peerings(bfd: string): void {
  const common = { asNumber: 64512, sourceAddress: "None" };
  apply("BGPPeer", "cable1", { ...common, node: "node1", peerIP: CABLE.node2 }, { [BFD]: bfd });
  apply("BGPPeer", "cable2", { ...common, node: "node2", peerIP: CABLE.node1 }, { [BFD]: bfd });
}

interface Session {
  readonly address: string;
  readonly state: string;
  readonly bfd?: string;
}

async function session(node: string, address: string): Promise<Session | undefined> {
  const { peers } = (await lab.agent(node, "/bgp")) as { peers: Session[] };
  return peers.find((peer) => peer.address === address);
}

const bothUp = (bfd: string | undefined) =>
  Promise.all(
    (["node1", "node2"] as const).map((node) =>
      eventually(
        () => session(node, CABLE[node === "node1" ? "node2" : "node1"]),
        (one) => one?.state === "Established" && one.bfd === bfd,
        30_000,
      ),
    ),
  );

/** The cable takes no packet any more, and nobody is told: its carrier stays. */
async function cut(): Promise<void> {
  const chain =
    "add table netdev cut; add chain netdev cut in { type filter hook ingress device cable priority 0; policy drop; }";
  for (const node of ["node1", "node2"]) await lab.out(node, "nft", chain);
}

async function mend(): Promise<void> {
  for (const node of ["node1", "node2"]) await lab.out(node, "nft", "delete table netdev cut");
}

function block(pod: string): string {
  const [a, b, c, d = "0"] = lab.address(pod).split(".");
  return `${a}.${b}.${c}.${Number(d) & 0xc0}/26`;
}

const wayTo = async (gateway: string) =>
  await eventually(
    () => lab.out("node1", "ip", "route", "show", block("pod2")),
    (text) => text.includes(`via ${gateway} `),
    30_000,
  );

describe("two links between two nodes, of which one dies without a word", () => {
  it("with BFD, 3 × 100 ms: traffic is on the other one in less than 500 ms", async () => {
    peerings("100ms x 3");
    await bothUp("Up");
    await wayTo(CABLE.node2);
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"), PING_S);
    await ping.answered(100);
    await cut();
    await wayTo("10.0.1.12");
    await ping.answered(100);
    const { missing } = await ping.stop();
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.length * PING_S * 1000).toBeLessThan(500);
    expect(lab.ocicat("bgp", "log").stdout).toMatch(/Idle +BFD: packets do not reach the peer any more/);
  });

  it("is used again when it is mended", async () => {
    await mend();
    await bothUp("Up");
    await wayTo(CABLE.node2);
  });

  it("an agent that ends says so, and its peer waits for it instead of taking the path for dead", async () => {
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"), PING_S);
    await ping.answered(50);
    await lab.lab.restartAgent("node2");
    await bothUp("Up");
    expect((await ping.stop()).missing).toEqual([]);
    await wayTo(CABLE.node2);
  });

  it("without BFD it is for the hold time to find out", async () => {
    peerings("disabled");
    await bothUp(undefined);
    await cut();
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"), 0.05);
    const far = new SteadyPing(lab, "node1", "10.0.1.12", 0.05);
    await far.answered(40);
    await far.stop();
    expect((await ping.stop()).received).toBe(0);
    expect(await session("node1", CABLE.node2)).toMatchObject({ state: "Established" });
    await mend();
  });
});

describe("with BIRD", () => {
  it("comes up, and tells within its time that BIRD is gone", async () => {
    bird = await startBird(
      lab,
      "tor",
      `
router id 10.0.1.1;
protocol device { }
protocol bfd { interface "eth*" { interval 100 ms; multiplier 3; }; }
protocol static { ipv4; route 10.98.0.0/24 blackhole; }
protocol bgp node1 { local as 65000; neighbor 10.0.1.11 as 64512; bfd on; error wait time 1, 2; ipv4 { import all; export all; }; }
`,
    );
    apply("BGPPeer", "tor", { node: "node1", peerIP: "10.0.1.1", asNumber: 65000 }, { [BFD]: "100ms x 3" });
    await eventually(
      () => session("node1", "10.0.1.1"),
      (one) => one?.state === "Established" && one.bfd === "Up",
      30_000,
    );
    expect(bird.ask("show bfd sessions")).toMatch(/10\.0\.1\.11 +eth0 +Up +\S+ +0\.100 +0\.300/);
    await lab.out("tor", "ip", "link", "set", "eth0", "arp", "off");
    await lab.out(
      "tor",
      "nft",
      "add table netdev cut; add chain netdev cut in { type filter hook ingress device eth0 priority 0; policy drop; }",
    );
    const before = performance.now();
    await eventually(
      () => session("node1", "10.0.1.1"),
      (one) => one?.state !== "Established",
    );
    expect(performance.now() - before).toBeLessThan(1_000);
    await eventually(
      () => bird?.ask("show bfd sessions") ?? "",
      (text) => /10\.0\.1\.11 +eth0 +Down/.test(text),
    );
  });
});
