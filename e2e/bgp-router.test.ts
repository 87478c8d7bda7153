import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RouterBird, startBird } from "./support/bird.ts";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";
import { TWO_RACKS } from "./support/racks.ts";
import { RouteWitness } from "./support/route-witness.ts";
import { SteadyPing } from "./support/steady-ping.ts";

const NODES = { node1: "10.0.1.11", node2: "10.0.1.12", node3: "10.0.2.13" };

const lab = new TestLab(TWO_RACKS);
const files = mkdtempSync(join(tmpdir(), "oct-router-"));
let bird: RouterBird | undefined;

beforeAll(() => lab.up());
afterAll(async () => {
  await bird?.stop();
  rmSync(files, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

/** BIRD on the router: what it learns goes into its kernel and on to the other nodes. */
function birdConfig(session: string): string {
  const peers = Object.entries(NODES).map(
    ([name, address]) => `protocol bgp ${name} from nodes { neighbor ${address} as 64512; }`,
  );
  return `
router id 10.0.1.1;
protocol device { }
protocol kernel { ipv4 { import none; export all; }; }
# After an error BIRD waits a minute before it answers again.
template bgp nodes { ${session} error wait time 1, 2; connect delay time 1; connect retry time 1; }
${peers.join("\n")}
`;
}

interface KernelRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
  /** Of several ways. */
  readonly nexthops?: readonly { readonly gateway: string }[];
}

async function routeTo(where: string, block: string): Promise<KernelRoute | undefined> {
  const all = JSON.parse(await lab.out(where, "ip", "-j", "route")) as KernelRoute[];
  return all.find(({ dst }) => dst === block);
}

async function pings(from: string, to: string): Promise<number> {
  const { stdout } = await lab.exec(from, "ping", "-c", "2", "-i", "0.2", "-W", "1", lab.address(to));
  return pingCounts(stdout).received;
}

function apply(name: string, text: string): void {
  const file = join(files, name);
  writeFileSync(file, text);
  const done = lab.ocicat("apply", "-f", file);
  expect(done.stderr).toBe("");
  expect(done.code).toBe(0);
}

const peer = (name: string, spec: string) =>
  `{ apiVersion: projectcalico.org/v3, kind: BGPPeer, metadata: { name: ${name} }, spec: { ${spec} } }\n`;

const poolWith = (mode: string) =>
  `{ apiVersion: projectcalico.org/v3, kind: IPPool, metadata: { name: plain }, spec: { cidr: 10.244.0.0/16, natOutgoing: true, ${mode} } }\n`;

async function expectNoWay(): Promise<void> {
  await eventually(
    () => routeTo("node1", lab.block("pod3")),
    (route) => route === undefined,
  );
  const why = lab.ocicat("routes", "why", lab.address("pod3")).stdout;
  expect(why).toContain(`(none) ${lab.block("pod3")}`);
  expect(why).toContain("its next hop is on no subnet of this node");
  expect(why).toContain("a router that does not know the block would drop the packets");
  expect(why).toContain("learned by BGP from node3 (10.0.2.13), next hop 10.0.2.13");
  expect(await pings("pod1", "pod3")).toBe(0);
  expect(await pings("pod3", "pod1")).toBe(0);
}

/** `inRack`: the gateways from one node of a rack to another. */
async function expectWayThroughRouter(inRack: readonly string[]): Promise<void> {
  for (const [node, pod, gateway] of [
    ["node1", "pod3", "10.0.1.1"],
    ["node2", "pod3", "10.0.1.1"],
    ["node3", "pod1", "10.0.2.1"],
    ["node3", "pod2", "10.0.2.1"],
  ] as const) {
    const route = await eventually(
      () => routeTo(node, lab.block(pod)),
      (found) => found !== undefined,
      30_000,
    );
    expect(route).toMatchObject({ gateway, dev: "ens33", protocol: "bird" });
  }
  // BIRD tells its peers before its kernel.
  for (const pod of ["pod1", "pod2", "pod3"]) {
    await eventually(
      () => routeTo("tor", lab.block(pod)),
      (found) => found !== undefined,
    );
  }
  const gateways = async () => {
    const { gateway, nexthops = [] } = (await routeTo("node1", lab.block("pod2"))) ?? {};
    return gateway === undefined ? nexthops.map((hop) => hop.gateway) : [gateway];
  };
  await eventually(gateways, (found) => found.join() === inRack.join());
  for (const [from, to] of [
    ["pod1", "pod3"],
    ["pod3", "pod1"],
    ["pod2", "pod3"],
    ["pod1", "pod2"],
  ] as const) {
    expect(await pings(from, to), `${from} to ${to}`).toBe(2);
  }
}

describe("across a router that speaks no BGP", () => {
  it("the mesh is up all the same: nodes reach each other", async () => {
    const mesh = await eventually(
      () => lab.sessions("node1"),
      (all) => all.every((one) => one.endsWith("Established")) && all.length === 2,
    );
    expect(mesh).toEqual(["10.0.1.12 node-to-node mesh Established", "10.0.2.13 node-to-node mesh Established"]);
    expect(await routeTo("node1", lab.block("pod2"))).toMatchObject({ gateway: NODES.node2, protocol: "bird" });
  });

  it("the other rack's blocks are refused with why, no pod gets through, and nothing wrong is programmed", async () => {
    await expectNoWay();
    expect(await lab.out("node1", "ip", "route", "get", lab.address("pod3"))).toContain("via 10.0.1.1 dev ens33");
    expect(await routeTo("tor", lab.block("pod3"))).toBeUndefined();
  });
});

describe("a next hop that a static route says is on the link", () => {
  it("is one that a route may lead through, for as long as the static route is there", async () => {
    // The router answers for the other rack, as it does where an operator sets a network up so.
    await lab.out("tor", "sysctl", "-q", "-w", "net.ipv4.conf.eth0.proxy_arp=1");
    await lab.out("node1", "ip", "route", "add", "10.0.2.0/24", "dev", "ens33", "scope", "link");
    const there = await eventually(
      () => routeTo("node1", lab.block("pod3")),
      (route) => route !== undefined,
    );
    expect(there).toMatchObject({ gateway: NODES.node3, dev: "ens33", protocol: "bird" });
    await lab.out("node1", "ip", "route", "del", "10.0.2.0/24");
    await lab.out("tor", "sysctl", "-q", "-w", "net.ipv4.conf.eth0.proxy_arp=0");
    await expectNoWay();
  });
});

describe("with a router in an AS of its own", () => {
  it("BGPPeers are applied, and calicoctl shows them Established", async () => {
    bird = await startBird(lab, "tor", birdConfig("local as 65000; ipv4 { import all; export all; next hop self; };"));
    // The nodes share an AS, so that each finds its own in what comes back from the other rack.
    const behind = "asNumber: 65000, numAllowedLocalASNumbers: 1";
    const nodes = lab.ocicat("get", "node", "node1", "node2", "-o", "yaml").stdout;
    apply("nodes.yaml", nodes.replaceAll(/^( *)(name: node[12])$/gm, "$1$2\n$1labels: { rack: a }"));
    apply(
      "peers.yaml",
      peer("racka", `nodeSelector: "rack == 'a'", peerIP: 10.0.1.1, ${behind}`) +
        `---\n${peer("rackb", `node: node3, peerIP: 10.0.2.1, ${behind}, keepaliveTime: 10s`)}`,
    );
    await eventually(
      () => lab.sessions("node1"),
      (all) => all.includes("10.0.1.1 node specific Established"),
      30_000,
    );
    expect(lab.ocicat("node", "status").stdout).toMatch(
      /^\| 10\.0\.1\.1 {5}\| node specific {5}\| up {4}\| \d\d:\d\d:\d\d \| Established \|$/m,
    );
    expect(lab.ocicat("get", "bgppeer").stdout).toMatch(/^racka +10\.0\.1\.1 +rack == 'a' +65000 *$/m);
  });

  it("pods reach each other across it, though the mesh's path would be preferred", async () => {
    await expectWayThroughRouter([NODES.node2]);
    const why = lab.ocicat("routes", "why", lab.address("pod3")).stdout;
    expect(why).toMatch(/via 10\.0\.1\.1 dev ens33 proto bird +programmed +learned by BGP from racka \(10\.0\.1\.1\)/);
    expect(why).toContain("[BGPPeer racka, IPPool plain]");
    const held = lab.ocicat("get", "bgppeer", "racka", "-o", "why").stdout;
    expect(held).toContain(`route ${lab.block("pod3")}`);
    expect(held).toMatch(/BGP session 10\.0\.1\.1 +BGPPeer racka/);
  });

  it("the packets are plain on both of its links", async () => {
    const captures = await Promise.all(["eth0", "eth1"].map((link) => lab.capture("tor", link, "not tcp")));
    expect(await pings("pod1", "pod3")).toBe(2);
    const [one, three] = [lab.address("pod1"), lab.address("pod3")];
    const there = `1\t${one}\t${three}\t98`;
    const back = `1\t${three}\t${one}\t98`;
    for (const capture of captures) {
      const read = () => capture.read("icmp or udp or ip.proto == 4", "ip.proto", "ip.src", "ip.dst", "frame.len");
      const lines = await eventually(read, (all) => all.length >= 4);
      await capture.stop();
      expect(lines.toSorted()).toEqual([there, there, back, back].toSorted());
      capture.forget();
    }
  });

  it("it sends each block to the node that has it, and not to one that has only heard of it", async () => {
    for (const [pod, node] of [
      ["pod1", "node1"],
      ["pod2", "node2"],
      ["pod3", "node3"],
    ] as const) {
      expect(await routeTo("tor", lab.block(pod))).toMatchObject({ gateway: NODES[node] });
    }
  });

  it("the pool may be given a tunnel and lose it again under traffic: no packet is lost, no block is without a route", async () => {
    const blocks = [lab.block("pod3"), lab.block("pod2")];
    const viaRouter = `${lab.block("pod3")} via 10.0.1.1 dev ens33 proto bird`;
    const viaTunnel = new RegExp(`^${lab.block("pod3")} via \\S+ dev vxlan.calico onlink`, "m");
    const routes = () => lab.out("node1", "ip", "route");
    const pings = [
      ["pod1", "pod3"],
      ["pod3", "pod1"],
    ].map(([from = "", to = ""]) => new SteadyPing(lab, from, lab.address(to), 0.001));
    const witness = await RouteWitness.start(lab, "node1");
    try {
      for (const ping of pings) await ping.answered(50);
      for (let round = 0; round < 3; round++) {
        apply("pool.yaml", poolWith("vxlanMode: Always"));
        await eventually(routes, (text) => viaTunnel.test(text));
        apply("pool.yaml", poolWith("vxlanMode: Never"));
        await eventually(routes, (text) => text.includes(viaRouter));
        for (const ping of pings) await ping.answered(50);
      }
    } finally {
      const { taken } = await witness.stop();
      expect(taken.filter((route) => blocks.some((block) => route.startsWith(block)))).toEqual([]);
      for (const ping of pings) expect((await ping.stop()).missing).toEqual([]);
    }
  });

  it("taken away, its routes go, and it is said why again", async () => {
    await bird?.stop();
    bird = undefined;
    await expectNoWay();
    const status = await lab.sessions("node1");
    expect(status).toContain("10.0.1.12 node-to-node mesh Established");
    expect(status.find((one) => one.startsWith("10.0.1.1 "))).not.toContain("Established");
    expect(await routeTo("node1", lab.block("pod2"))).toMatchObject({ gateway: NODES.node2 });
  });
});

describe("with a router that reflects routes in the nodes' own AS", () => {
  it("pods reach each other across it as well", async () => {
    bird = await startBird(
      lab,
      "tor",
      birdConfig("local as 64512; direct; rr client; ipv4 { import all; export all; next hop self; };"),
    );
    apply(
      "peers.yaml",
      peer("racka", `nodeSelector: "rack == 'a'", peerIP: 10.0.1.1, asNumber: 64512`) +
        `---\n${peer("rackb", "node: node3, peerIP: 10.0.2.1, asNumber: 64512")}`,
    );
    // What the router reflects with itself as the next hop is as good as what the mesh says (BIRD's "merge paths").
    await expectWayThroughRouter(["10.0.1.1", NODES.node2]);
  });

  it("without the BGPPeers there is no way again, and no session", async () => {
    const done = lab.ocicat("delete", "bgppeer", "racka", "rackb");
    expect(done.code).toBe(0);
    await expectNoWay();
    expect(await lab.sessions("node1")).toEqual([
      "10.0.1.12 node-to-node mesh Established",
      "10.0.2.13 node-to-node mesh Established",
    ]);
  });
});
