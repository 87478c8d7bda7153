import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyTo } from "./support/apply.ts";
import { type RouterBird, startBird } from "./support/bird.ts";
import { eventually, program, TestLab } from "./support/lab.ts";
import { ONE_RACK } from "./support/racks.ts";
import { SteadyPing } from "./support/steady-ping.ts";

/** Two cables between the two nodes, each as good as the other, by which alone pods travel; and the ends' addresses. */
const CABLES = {
  one: { node1: "10.0.3.1", node2: "10.0.3.2" },
  two: { node1: "10.0.4.1", node2: "10.0.4.2" },
} as const;
type Cable = keyof typeof CABLES;
const ALL = Object.keys(CABLES) as Cable[];
const NODES = ["node1", "node2"] as const;
const BFD = "ocicat.io/bfd";
const PING_S = 0.005;

const lab = new TestLab(ONE_RACK, program("ocicat"));
let bird: RouterBird | undefined;

beforeAll(async () => {
  await lab.up();
  applyTo(lab, { kind: "BGPConfiguration", name: "default", spec: { nodeToNodeMeshEnabled: false } });
  const there = String(lab.pid("agent-node2"));
  for (const name of ALL) {
    await lab.out("node1", "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", there);
    for (const node of NODES) {
      await lab.out(node, "ip", "address", "add", `${CABLES[name][node]}/30`, "dev", name);
      await lab.out(node, "ip", "link", "set", name, "up");
    }
  }
});
afterAll(async () => {
  await bird?.stop();
  expect(await lab.down()).toEqual([]);
});

const otherEnd = (node: (typeof NODES)[number]) => (node === "node1" ? "node2" : "node1");

function peerings(bfd: string): void {
  const ends = ALL.flatMap((name) => NODES.map((node) => ({ name, node })));
  const peers = ends.map(({ name, node }) => ({
    kind: "BGPPeer",
    name: `${name}-${node}`,
    spec: { node, peerIP: CABLES[name][otherEnd(node)], asNumber: 64512, sourceAddress: "None" },
    annotations: { [BFD]: bfd },
  }));
  applyTo(lab, ...peers);
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

const allUp = (bfd: string | undefined) =>
  Promise.all(
    ALL.flatMap((name) =>
      NODES.map((node) =>
        eventually(
          () => session(node, CABLES[name][otherEnd(node)]),
          (one) => one?.state === "Established" && one.bfd === bfd,
          30_000,
        ),
      ),
    ),
  );

/** The cable takes no packet any more, and nobody is told: its carrier stays. */
async function cut(name: Cable): Promise<void> {
  const chain = `add table netdev cut; add chain netdev cut in { type filter hook ingress device ${name} priority 0; policy drop; }`;
  for (const node of NODES) await lab.out(node, "nft", chain);
}

async function mend(): Promise<void> {
  for (const node of NODES) await lab.out(node, "nft", "delete table netdev cut");
}

/** The kernel's way from one node to the other's pods goes by these cables, and by no other. */
const wayBy = async (...cables: readonly Cable[]) => {
  for (const node of NODES) {
    await eventually(
      () => lab.out(node, "ip", "route", "show", lab.block(node === "node1" ? "pod2" : "pod1")),
      (text) => ALL.every((name) => text.includes(`dev ${name} `) === cables.includes(name)),
      30_000,
    );
  }
};

/** The cable by which the kernel sends what pod1 says to pod2. */
async function cableOfFlow(): Promise<Cable> {
  const [from, to] = [lab.address("pod1"), lab.address("pod2")];
  const device = /dev (cali\S+)/.exec(await lab.out("node1", "ip", "route", "get", from))?.[1] ?? "";
  const text = await lab.out("node1", "ip", "route", "get", to, "from", from, "iif", device);
  const found = ALL.find((name) => text.includes(`dev ${name} `));
  if (found === undefined) throw new Error(text);
  return found;
}

const otherThan = (name: Cable): Cable => (name === "one" ? "two" : "one");

describe("two links between two nodes, of which one dies without a word", () => {
  it("are both used, as one route of two ways (ECMP), and told as such", async () => {
    peerings("100ms x 3");
    await allUp("Up");
    await wayBy("one", "two");
    const text = await lab.out("node1", "ip", "route", "show", lab.block("pod2"));
    expect(text).toMatch(
      /proto bird\s+nexthop via 10\.0\.3\.2 dev one weight 1\s+nexthop via 10\.0\.4\.2 dev two weight 1/,
    );
    const why = lab.ocicat("routes", "why", lab.address("pod2")).stdout;
    expect(why).toContain("proto bird nexthop via 10.0.3.2 dev one nexthop via 10.0.4.2 dev two");
    expect(lab.ocicat("bgp", "why", lab.block("pod2")).stdout).toContain("as good as the best up to");
  });

  it("with BFD, 3 × 100 ms: traffic is on the other one in less than 500 ms", async () => {
    const used = await cableOfFlow();
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"), PING_S);
    await ping.answered(100);
    await cut(used);
    await wayBy(otherThan(used));
    await ping.answered(100);
    const { missing, longestGapMs } = await ping.stop();
    expect(missing.length).toBeGreaterThan(0);
    expect(longestGapMs).toBeLessThan(500);
    expect(lab.ocicat("bgp", "log").stdout).toMatch(/Idle +BFD: packets do not reach the peer any more/);
  });

  it("is used again when it is mended", async () => {
    await mend();
    await allUp("Up");
    await wayBy("one", "two");
  });

  it("an agent that ends says so, and its peer waits for it instead of taking the paths for dead", async () => {
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"), PING_S);
    await ping.answered(50);
    await lab.lab.restartAgent("node2");
    await allUp("Up");
    expect((await ping.stop()).missing).toEqual([]);
    await wayBy("one", "two");
  });

  it("without BFD it is for the hold time to find out", async () => {
    peerings("disabled");
    await allUp(undefined);
    const used = await cableOfFlow();
    await cut(used);
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"), 0.05);
    const far = new SteadyPing(lab, "node1", "10.0.1.12", 0.05);
    await far.answered(40);
    await far.stop();
    expect((await ping.stop()).received).toBe(0);
    expect(await session("node1", CABLES[used].node2)).toMatchObject({ state: "Established" });
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
    const spec = { node: "node1", peerIP: "10.0.1.1", asNumber: 65000 };
    applyTo(lab, { kind: "BGPPeer", name: "tor", spec, annotations: { [BFD]: "100ms x 3" } });
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
