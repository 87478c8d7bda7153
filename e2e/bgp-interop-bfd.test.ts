import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyTo } from "./support/apply.ts";
import { type RouterBird, startBird } from "./support/bird.ts";
import { type RouterFrr, startFrr } from "./support/frr.ts";
import { eventually, program, TestLab } from "./support/lab.ts";
import { SteadyPing } from "./support/steady-ping.ts";

/**
 *     node2 ══direct══ node1 ══v6, v4══ leaf        cables of their own: direct and v6 without numbers
 *                        └─── tor ───────┘           two hops
 */
const TOPOLOGY = `
segments: [lan, far]
routers:
  - name: tor
    interfaces:
      - { segment: lan, address: 10.0.1.1/24 }
      - { segment: far, address: 10.0.9.1/24 }
  - name: leaf
    interfaces:
      - { segment: far, address: 10.0.9.2/24 }
nodes:
  - { name: node1, segment: lan, address: 10.0.1.11/24, gateway: 10.0.1.1 }
  - { name: node2, segment: lan, address: 10.0.1.12/24, gateway: 10.0.1.1 }
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: false }
pods:
  - { name: pod1, node: node1 }
`;
const BEHIND = "10.244.250.1";
const LEAF_AS = 65000;
const NUMBERED = { node1: "10.0.5.1", leaf: "10.0.5.2" } as const;
const FAR = "10.0.9.2";
const BFD = "ocicat.io/bfd";
const LINK = "ocicat.io/interface";
const PING_S = 0.005;

const lab = new TestLab(TOPOLOGY, program("ocicat"));
let frr: RouterFrr | undefined;
let bird: RouterBird | undefined;

const BFDD =
  "bfd\n profile fast\n  detect-multiplier 3\n  transmit-interval 100\n  receive-interval 100\n exit\nexit\n";
const PEERS = ["v6", NUMBERED.node1, "10.0.1.11"] as const;
const BGPD = `
router bgp ${LEAF_AS}
 bgp router-id ${FAR}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor v6 interface remote-as 64512
 neighbor ${NUMBERED.node1} remote-as 64512
 neighbor 10.0.1.11 remote-as 64512
 neighbor 10.0.1.11 ebgp-multihop 5
 neighbor 10.0.1.11 update-source ${FAR}
${PEERS.map((peer) => ` neighbor ${peer} timers 1 3\n neighbor ${peer} timers connect 1\n neighbor ${peer} bfd\n neighbor ${peer} bfd profile fast`).join("\n")}
 address-family ipv4 unicast
  network ${BEHIND}/32
  maximum-paths 4
  neighbor 10.0.1.11 route-map NOTHING in
 exit-address-family
exit
! Two hops away the router between knows no pod: of that session nothing is taken.
route-map NOTHING deny 10
`;

beforeAll(async () => {
  await lab.up();
  applyTo(lab, { kind: "BGPConfiguration", name: "default", spec: { nodeToNodeMeshEnabled: false } });
  const node1 = String(lab.pid("agent-node1"));
  for (const [end, name] of [
    ["leaf", "v6"],
    ["leaf", "v4"],
    ["node2", "direct"],
  ] as const) {
    await lab.out(end, "ip", "link", "add", name, "type", "veth", "peer", "name", name, "netns", node1);
    for (const one of [end, "node1"]) await lab.out(one, "ip", "link", "set", name, "up");
  }
  for (const end of ["node1", "leaf"] as const)
    await lab.out(end, "ip", "address", "add", `${NUMBERED[end]}/30`, "dev", "v4");
  await lab.out("leaf", "ip", "address", "add", `${BEHIND}/32`, "dev", "lo");
  await lab.out("leaf", "ip", "route", "add", "10.0.1.0/24", "via", "10.0.9.1");
});
afterAll(async () => {
  await bird?.stop();
  await frr?.stop();
  expect(await lab.down()).toEqual([]);
});

function peerings(bfd: string): void {
  const leaf = { node: "node1", asNumber: LEAF_AS };
  const annotations = { [BFD]: bfd };
  applyTo(
    lab,
    { kind: "BGPPeer", name: "v6", spec: leaf, annotations: { [LINK]: "v6", ...annotations } },
    { kind: "BGPPeer", name: "v4", spec: { ...leaf, peerIP: NUMBERED.leaf, sourceAddress: "None" }, annotations },
    { kind: "BGPPeer", name: "far", spec: { ...leaf, peerIP: FAR }, annotations },
  );
}

interface Session {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly bfd?: string;
}

async function session(name: string, node = "node1"): Promise<Session | undefined> {
  const { peers } = (await lab.agent(node, "/bgp")) as { peers: Session[] };
  return peers.find((peer) => peer.name === name);
}

const up = (name: string, bfd: string | undefined, node = "node1") =>
  eventually(
    () => session(name, node),
    (one) => one?.state === "Established" && one.bfd === bfd,
    30_000,
  );

const OF_LEAF = { v6: "Node_v6", v4: "Node_10_0_5_2", far: "Node_10_0_9_2" } as const;

interface FrrBfd {
  readonly multihop: boolean;
  readonly peer: string;
  readonly interface?: string;
  readonly status: string;
  readonly "transmit-interval": number;
  readonly "remote-transmit-interval": number;
}

const seenByFrr = () => JSON.parse(frr?.ask("show bfd peers json") ?? "[]") as FrrBfd[];
const ofFrr = (way: keyof typeof OF_LEAF) =>
  seenByFrr().find((one) =>
    way === "far" ? one.multihop : !one.multihop && one.peer.includes(":") === (way === "v6"),
  );

async function cut(where: string, device: string): Promise<void> {
  const chain = `add table netdev cut; add chain netdev cut in { type filter hook ingress device ${device} priority 0; policy drop; }`;
  await lab.out(where, "nft", chain);
}

const mend = (where: string) => lab.out(where, "nft", "delete table netdev cut");

type Cable = "v4" | "v6";
const wayBy = (...cables: readonly Cable[]) =>
  eventually(
    () => lab.out("node1", "ip", "route", "show", BEHIND),
    (text) => (["v4", "v6"] as const).every((name) => text.includes(`dev ${name} `) === cables.includes(name)),
    30_000,
  );

/** The cable by which the kernel sends what pod1 says to what is behind the leaf. */
async function cableOfFlow(): Promise<Cable> {
  const from = lab.address("pod1");
  const device = /dev (cali\S+)/.exec(await lab.out("node1", "ip", "route", "get", from))?.[1] ?? "";
  const text = await lab.out("node1", "ip", "route", "get", BEHIND, "from", from, "iif", device);
  return text.includes("dev v4 ") ? "v4" : "v6";
}

/** How long packets were lost after a cable had died, in milliseconds. */
async function lossAfterCut(used: Cable): Promise<number> {
  const ping = new SteadyPing(lab, "pod1", BEHIND, PING_S);
  await ping.answered(100);
  for (const end of ["node1", "leaf"]) await cut(end, used);
  await wayBy(used === "v4" ? "v6" : "v4");
  await ping.answered(100);
  const { longestGapMs } = await ping.stop();
  for (const end of ["node1", "leaf"]) await mend(end);
  return longestGapMs;
}

describe("BFD with FRR", () => {
  it("comes up over one hop, by IPv4 and by link-local addresses (RFC 5881), and over two (RFC 5883)", async () => {
    peerings("100ms x 3");
    frr = await startFrr(lab, "leaf", {
      zebra: "interface v6\n ipv6 nd ra-interval 3\n no ipv6 nd suppress-ra\n",
      bgpd: BGPD,
      bfdd: BFDD,
    });
    await Promise.all(Object.values(OF_LEAF).map((name) => up(name, "Up")));
    for (const way of ["v4", "v6", "far"] as const) {
      const seen = await eventually(
        () => Promise.resolve(ofFrr(way)),
        (one) => one?.status === "up" && one["remote-transmit-interval"] === 100,
      );
      expect(seen).toMatchObject({ multihop: way === "far", "transmit-interval": 100 });
    }
    expect(await up(OF_LEAF.v6, "Up")).toMatchObject({ address: expect.stringMatching(/^fe80::.*%v6$/) as string });
  });

  it("two links, one of IPv6 alone, are two ways of one route; one that dies is left in less than 500 ms", async () => {
    await wayBy("v4", "v6");
    const text = await lab.out("node1", "ip", "route", "show", BEHIND);
    expect(text).toMatch(/nexthop via 10\.0\.5\.2 dev v4/);
    expect(text).toMatch(/nexthop via inet6 fe80::\S+ dev v6/);
    const used = await cableOfFlow();
    const lostMs = await lossAfterCut(used);
    expect(lostMs).toBeGreaterThan(50);
    expect(lostMs).toBeLessThan(500);
    await Promise.all(Object.values(OF_LEAF).map((name) => up(name, "Up")));
    await wayBy("v4", "v6");
  });

  it("over two hops a path that dies is told by both sides", async () => {
    await cut("tor", "eth1");
    await eventually(
      () => session(OF_LEAF.far),
      (one) => one?.state !== "Established" && one?.bfd === "Down",
      2_000,
    );
    await eventually(
      () => Promise.resolve(ofFrr("far")?.status),
      (status) => status === "down",
      2_000,
    );
    await mend("tor");
    await up(OF_LEAF.far, "Up");
  });

  it("without it, a link that dies is left after the hold time, of three seconds here", async () => {
    for (const peer of PEERS) frr?.ask("configure terminal", `router bgp ${LEAF_AS}`, `no neighbor ${peer} bfd`);
    peerings("disabled");
    await Promise.all(Object.values(OF_LEAF).map((name) => up(name, undefined)));
    await wayBy("v4", "v6");
    const lostMs = await lossAfterCut(await cableOfFlow());
    expect(lostMs).toBeGreaterThan(1_500);
    expect(lostMs).toBeLessThan(5_000);
  });
});

describe("BFD over IPv6", () => {
  it("between two nodes of ours on a cable without numbers", async () => {
    const annotations = { [LINK]: "direct", [BFD]: "100ms x 3" };
    const end = (node: string) => ({
      kind: "BGPPeer",
      name: `direct-${node}`,
      spec: { node, asNumber: 64512 },
      annotations,
    });
    applyTo(lab, end("node1"), end("node2"));
    await Promise.all(["node1", "node2"].map((node) => up("Node_direct", "Up", node)));
    await cut("node2", "direct");
    const before = performance.now();
    await eventually(
      () => session("Node_direct"),
      (one) => one?.state !== "Established",
    );
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  it("with BIRD", async () => {
    const linkLocal = async (where: string, device: string) =>
      /inet6 (fe80:\S+)\//.exec(await lab.out(where, "ip", "-6", "address", "show", "dev", device))?.[1] ?? "";
    const lan = /dev (\S+)/.exec(await lab.out("node1", "ip", "route", "show", "default"))?.[1] ?? "";
    const [tor, node1] = [await linkLocal("tor", "eth0"), await linkLocal("node1", lan)];
    bird = await startBird(
      lab,
      "tor",
      `
router id 10.0.1.1;
protocol device { }
protocol bfd { interface "eth*" { interval 100 ms; multiplier 3; }; }
protocol bgp node1 { local as 65001; neighbor ${node1}%'eth0' as 64512; bfd on; error wait time 1, 2; connect delay time 1;
  ipv4 { import all; export all; extended next hop on; }; ipv6 { import all; export all; }; }
`,
    );
    const spec = { node: "node1", peerIP: `${tor}%${lan}`, asNumber: 65001 };
    applyTo(lab, { kind: "BGPPeer", name: "tor", spec, annotations: { [BFD]: "100ms x 3" } });
    await up(`Node_${`${tor}%${lan}`.replaceAll(/[.:%]/g, "_")}`, "Up");
    expect(bird.ask("show bfd sessions")).toMatch(/fe80:\S+ +eth0 +Up +\S+ +0\.100 +0\.300/);
  });
});
