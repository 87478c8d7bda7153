import { type Address, Prefix, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { NO_TUNNELS, type NodeTunnels, type PeerRow, type PoolRow } from "../../src/index.ts";
import { objectionsTo, type PlanCluster, type PlanNode, planPool } from "../../src/plan/index.ts";

const NEVER: PoolRow = {
  name: "default-ipv4-ippool",
  cidr: parsePrefix("192.168.0.0/16"),
  ipipMode: "Never",
  vxlanMode: "Never",
  natOutgoing: true,
  disabled: false,
  disableBgpExport: false,
};
const pool = (change: Partial<PoolRow>): PoolRow => ({ ...NEVER, ...change });
const IPIP = pool({ ipipMode: "Always" });
const IPIP_CROSS = pool({ ipipMode: "CrossSubnet" });
const VXLAN = pool({ vxlanMode: "Always" });
const VXLAN_CROSS = pool({ vxlanMode: "CrossSubnet" });

interface NodeText {
  readonly ip?: string;
  readonly ip6?: string;
  readonly block?: string;
  readonly vtep?: string;
  readonly published?: Partial<NodeTunnels>;
  readonly backend?: PlanNode["backend"];
  readonly labels?: Readonly<Record<string, string>>;
}

function own(text: string | undefined, length: number) {
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  return { address, subnet: Prefix.of(address, length) };
}

function node(name: string, { ip, ip6, block, vtep, published, backend = "bird", labels = {} }: NodeText): PlanNode {
  const address = (text: string | undefined): Address | undefined =>
    text === undefined ? undefined : parseAddress(text);
  return {
    name,
    ipv4: own(ip, 24),
    ipv6: own(ip6, 64),
    asNumber: undefined,
    routeReflectorClusterId: undefined,
    tunnels: { ...NO_TUNNELS, ...published },
    labels,
    backend,
    blocks: block === undefined ? [] : [block],
    expected: { vxlan: address(vtep), vxlan6: undefined },
    interfaceName: "ens3",
  };
}

function cluster(nodes: readonly PlanNode[], extra: Partial<PlanCluster> = {}): PlanCluster {
  return {
    nodes,
    pools: [NEVER],
    peers: [],
    settings: { asNumber: 64512, portOf: () => 179, meshEnabled: true },
    ...extra,
  };
}

function router(name: string, nodes: PeerRow["nodes"], address: string): PeerRow {
  return {
    name,
    nodes,
    peer: { address: parseAddress(address), port: undefined, asNumber: 65000 },
    localAsNumber: undefined,
    nextHop: "auto",
    fromNodeAddress: true,
    allowedOwnAs: 1,
    keepaliveS: undefined,
    restartTimeS: undefined,
    reversed: true,
    password: undefined,
    mostHops: undefined,
    reachableBy: undefined,
    filters: [],
    bfd: undefined,
  };
}

/** The two nodes of the walk-throughs, in one subnet. */
const CONTROLPLANE = node("controlplane", { ip: "172.17.0.32", block: "192.168.49.64/26", vtep: "192.168.49.65" });
const NODE01 = node("node01", { ip: "172.17.0.40", block: "192.168.196.128/26", vtep: "192.168.196.128" });
const ONE_SUBNET = [CONTROLPLANE, NODE01];
/** And one behind a router. */
const FAR = node("far", { ip: "172.18.0.50", block: "192.168.7.0/26" });
const TWO_SUBNETS = [...ONE_SUBNET, FAR];

const published = (name: PlanNode, tunnels: Partial<NodeTunnels>): PlanNode => ({
  ...name,
  tunnels: { ...NO_TUNNELS, ...tunnels },
});
const ipv4 = (text: string) => {
  const address = parseAddress(text);
  if (typeof address !== "number") throw new TypeError(text);
  return address;
};

/** "nodes of one subnet ×2: before → after". */
function moves(after: PoolRow, world: PlanCluster): string[] {
  return planPool(after, world).routes.map(
    ({ between, pairs, before, after: then }) => `${between} ×${pairs}: ${before} → ${then}`,
  );
}

const notFar = (labels: Readonly<Record<string, string>>) => !("far" in labels);

const codes = (after: PoolRow, world: PlanCluster) => objectionsTo(after, world).map(({ code }) => code);

describe("routes before and after", () => {
  it("from nothing to VXLAN, as in the walk-through", () => {
    expect(moves(VXLAN, cluster(ONE_SUBNET))).toEqual([
      "nodes of one subnet ×2: 192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird → 192.168.196.128/26 via 192.168.196.128 dev vxlan.calico onlink",
    ]);
  });

  it("from nothing to IPIP", () => {
    expect(moves(IPIP, cluster(ONE_SUBNET))).toEqual([
      "nodes of one subnet ×2: 192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird → 192.168.196.128/26 via 172.17.0.40 dev tunl0 proto bird onlink",
    ]);
  });

  it("across subnets only: those of one subnet stay as they are", () => {
    expect(moves(IPIP_CROSS, cluster(TWO_SUBNETS))).toEqual([
      "nodes of one subnet ×2: 192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird → 192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird",
      "nodes of different subnets ×4: none for 192.168.7.0/26: next hop 172.18.0.50 is on no subnet of controlplane → 192.168.7.0/26 via 172.18.0.50 dev tunl0 proto bird onlink",
    ]);
    expect(moves(VXLAN_CROSS, cluster(TWO_SUBNETS))).toEqual([
      "nodes of one subnet ×2: 192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird → 192.168.196.128/26 via 172.17.0.40 dev ens3 proto 80",
      "nodes of different subnets ×4: none for 192.168.7.0/26: next hop 172.18.0.50 is on no subnet of controlplane → 192.168.7.0/26 via <far's vxlan.calico> dev vxlan.calico onlink",
    ]);
  });

  it("from IPIP that is in use to VXLAN", () => {
    const nodes = ONE_SUBNET.map((one) => published(one, { ipip: ipv4("192.168.1.1") }));
    expect(moves(VXLAN, cluster(nodes, { pools: [IPIP] }))).toEqual([
      "nodes of one subnet ×2: 192.168.196.128/26 via 172.17.0.40 dev tunl0 proto bird onlink → 192.168.196.128/26 via 192.168.196.128 dev vxlan.calico onlink",
    ]);
  });

  it("from VXLAN to nothing", () => {
    const mac = parseMac("66:aa:99:2f:dc:24");
    const nodes = ONE_SUBNET.map((one) =>
      published(one, { vxlan: { address: ipv4(String(one === NODE01 ? "192.168.196.128" : "192.168.49.65")), mac } }),
    );
    expect(moves(NEVER, cluster(nodes, { pools: [VXLAN] }))).toEqual([
      "nodes of one subnet ×2: 192.168.196.128/26 via 192.168.196.128 dev vxlan.calico onlink → 192.168.196.128/26 via 172.17.0.40 dev ens3 proto bird",
    ]);
  });

  it("through a router that peers, without a tunnel", () => {
    const peers = [router("near", { match: notFar }, "172.17.0.1"), router("far", { name: "far" }, "172.18.0.1")];
    const nodes = [...ONE_SUBNET, { ...FAR, labels: { far: "" } }];
    const world = cluster(nodes, { pools: [IPIP], peers });
    expect(moves(NEVER, world)[1]).toContain("→ 192.168.7.0/26 via 172.17.0.1 dev ens3 proto bird");
    expect(codes(NEVER, world)).toEqual([]);
  });

  it("of a pool that is not there, and to nodes without a block yet", () => {
    const nodes = [CONTROLPLANE, node("node02", { ip: "172.17.0.41" })];
    const [there, back] = moves(VXLAN, cluster(nodes, { pools: [] }));
    expect(there).toContain("none: the pool is not there → 192.168.49.64/26 via 192.168.49.65 dev vxlan.calico onlink");
    expect(back).toBeUndefined();
    expect(moves(VXLAN, cluster([node("a", { ip: "10.0.0.1" }), node("b", { ip: "10.0.0.2" })]))[0]).toContain(
      "→ each block of b via <b's vxlan.calico> dev vxlan.calico onlink",
    );
  });

  it("where a node's backend does without BGP, or without us", () => {
    const nodes = [CONTROLPLANE, { ...NODE01, backend: "vxlan" as const }];
    expect(moves(VXLAN, cluster(nodes))[0]).toContain("→ 192.168.196.128/26 via 192.168.196.128 dev vxlan.calico");
    expect(moves(IPIP, cluster(nodes))[0]).toContain("of backends bird and vxlan ×1");
    expect(moves(IPIP, cluster(nodes))[0]).toContain("→ none for 192.168.196.128/26: nothing tells controlplane of it");
    const none = [{ ...CONTROLPLANE, backend: "none" as const }, NODE01];
    expect(moves(VXLAN, cluster(none))[0]).toContain("controlplane routes nothing, its backend is none");
  });

  it("of a thousand nodes: classes, not pairs", () => {
    const many = Array.from({ length: 1000 }, (_, index) =>
      node(`n${index}`, { ip: `10.0.${index >> 8}.${index & 255}`, block: `192.168.${index >> 8}.0/26` }),
    );
    const { routes } = planPool(VXLAN, cluster(many));
    expect(routes.map(({ between }) => between)).toEqual(["nodes of one subnet", "nodes of different subnets"]);
    expect(routes.reduce((sum, { pairs }) => sum + pairs, 0)).toBe(1000 * 999);
  });
});

describe("steps", () => {
  const steps = (before: PoolRow, after: PoolRow, nodes = ONE_SUBNET) =>
    planPool(after, cluster(nodes, { pools: [before] })).steps.map(
      ({ nodes: members, does }) => `${members.join(",")}: ${does.split(/[,;:]| with| once/)[0]}`,
    );
  const both = "controlplane,node01";

  it("take a tunnel up before routes move, and give one up after", () => {
    expect(steps(IPIP, VXLAN)).toEqual([
      `${both}: makes vxlan.calico`,
      `${both}: moves its routes to vxlan.calico`,
      `${both}: takes back the declaration that it sends by IPIP`,
      `${both}: withdraws its address`,
    ]);
  });

  it("are one where tunnels stay as they are, and none where routes do", () => {
    expect(steps(VXLAN, VXLAN_CROSS)).toEqual([`${both}: moves its routes`]);
    expect(steps(VXLAN, VXLAN)).toEqual([]);
  });

  it("leave a tunnel alone that another pool calls for", () => {
    const other = pool({ name: "other", cidr: parsePrefix("10.1.0.0/16"), vxlanMode: "Always" });
    const plan = planPool(NEVER, cluster(ONE_SUBNET, { pools: [VXLAN, other] }));
    expect(plan.steps.map(({ does }) => does)).toEqual(["moves its routes"]);
  });

  it("tell of NAT", () => {
    expect(steps(NEVER, pool({ natOutgoing: false }))[0]).toContain("masquerades no more new connections");
  });

  it("leave out nodes that move no packets", () => {
    const nodes = [CONTROLPLANE, { ...NODE01, backend: "none" as const }];
    expect(steps(NEVER, VXLAN, nodes)).toEqual([
      "controlplane: makes vxlan.calico",
      "controlplane: moves its routes to vxlan.calico",
    ]);
  });
});

describe("the MTU", () => {
  const told = (before: PoolRow, after: PoolRow) => planPool(after, cluster(ONE_SUBNET, { pools: [before] })).mtu;

  it.each([
    [NEVER, IPIP, 0, 20],
    [NEVER, VXLAN, 0, 50],
    [IPIP, VXLAN, 20, 50],
    [VXLAN, NEVER, 50, 0],
    [VXLAN, VXLAN_CROSS, 50, 50],
  ])("is less by what the tunnel takes", (before, after, overheadBefore, overheadAfter) => {
    expect(told(before, after)).toMatchObject({ overheadBefore, overheadAfter });
  });

  it("is less by 70 for VXLAN over IPv6", () => {
    const six = pool({ cidr: parsePrefix("fd00:10:244::/48") });
    const after = { ...six, vxlanMode: "Always" as const };
    expect(planPool(after, cluster([], { pools: [six] })).mtu.overheadAfter).toBe(70);
  });

  it("of running pods stays, and it is said what that means", () => {
    expect(told(NEVER, VXLAN).text).toMatch(/made from now on get 1450 .* keep 1500 until they are made again.*ICMP/);
    expect(told(VXLAN, NEVER).text).toMatch(/get 1500 .* keep 1450 .* lose nothing/);
    expect(told(IPIP, IPIP_CROSS).text).toBe("pods' MTU stays as it is");
  });
});

describe("what cannot work", () => {
  it("is nothing in one subnet, whatever the mode", () => {
    for (const one of [NEVER, IPIP, IPIP_CROSS, VXLAN, VXLAN_CROSS])
      expect(codes(one, cluster(ONE_SUBNET))).toEqual([]);
  });

  it("is nothing across subnets with a tunnel", () => {
    for (const one of [IPIP, IPIP_CROSS, VXLAN, VXLAN_CROSS]) expect(codes(one, cluster(TWO_SUBNETS))).toEqual([]);
  });

  it("is Never across subnets where no router peers, or only one of the sides", () => {
    expect(objectionsTo(NEVER, cluster(TWO_SUBNETS))).toMatchObject([
      {
        code: "NEVER_ACROSS_SUBNETS",
        what: "the pool has neither ipipMode nor vxlanMode, and the nodes are on 2 subnets: 172.17.0.0/24, 172.18.0.0/24",
        why: "a router between them that does not know the blocks drops the packets, from controlplane to far for one",
      },
    ]);
    const half = [router("far", { name: "far" }, "172.18.0.1")];
    expect(codes(NEVER, cluster(TWO_SUBNETS, { peers: half }))).toEqual(["NEVER_ACROSS_SUBNETS"]);
  });

  it("is a router that the nodes cannot hand packets to: it is on no subnet of theirs", () => {
    const peers = [router("all", "all", "10.255.0.1")];
    expect(codes(NEVER, cluster(TWO_SUBNETS, { peers }))).toEqual(["NEVER_ACROSS_SUBNETS"]);
  });

  it("is IPIP or Never with a backend without BGP", () => {
    const nodes = ONE_SUBNET.map((one) => ({ ...one, backend: "vxlan" as const }));
    expect(codes(NEVER, cluster(nodes))).toEqual(["BACKEND_VXLAN"]);
    expect(objectionsTo(IPIP, cluster(nodes))[0]?.what).toBe(
      "the pool has ipipMode Always, and the backend of controlplane, node01 is vxlan",
    );
    expect(codes(VXLAN, cluster(nodes))).toEqual([]);
  });

  it("is a node without an address of the pool's family", () => {
    expect(objectionsTo(VXLAN, cluster([CONTROLPLANE, node("node02", {})]))).toMatchObject([
      { code: "NODE_WITHOUT_ADDRESS", what: "node02 has no IPv4 address" },
    ]);
    expect(codes(VXLAN, cluster([CONTROLPLANE, node("node02", { backend: "none" })]))).toEqual([]);
    const six = pool({ cidr: parsePrefix("fd00:10:244::/48") });
    expect(objectionsTo(six, cluster(ONE_SUBNET))[0]?.what).toBe("controlplane, node01 have no IPv6 address");
  });

  it("is BGP where there is none to be had: no mesh and no peer, or a pool that it is told nothing of", () => {
    const settings = { asNumber: 64512, portOf: () => 179, meshEnabled: false };
    expect(codes(NEVER, cluster(ONE_SUBNET, { settings }))).toEqual(["NO_BGP_SESSION"]);
    expect(codes(VXLAN, cluster(ONE_SUBNET, { settings }))).toEqual([]);
    const peers = [router("tor", "all", "172.17.0.1")];
    expect(codes(NEVER, cluster(ONE_SUBNET, { settings, peers }))).toEqual([]);
    expect(codes(pool({ disableBgpExport: true }), cluster(ONE_SUBNET))).toEqual(["EXPORT_DISABLED"]);
  });

  it("says a few names, and how many more", () => {
    const many = Array.from({ length: 8 }, (_, index) => node(`n${index}`, {}));
    expect(objectionsTo(VXLAN, cluster(many))[0]?.what).toBe("n0, n1, n2, n3, n4 and 3 more have no IPv4 address");
  });

  it("is nothing before there is a node", () => {
    expect(codes(NEVER, cluster([]))).toEqual([]);
  });
});

describe("what changes in the pool", () => {
  it("is named by its fields", () => {
    expect(planPool(pool({ vxlanMode: "Always", natOutgoing: false }), cluster(ONE_SUBNET)).changes).toEqual([
      { field: "vxlanMode", before: "Never", after: "Always" },
      { field: "natOutgoing", before: "true", after: "false" },
    ]);
    expect(planPool(NEVER, cluster(ONE_SUBNET)).changes).toEqual([]);
  });
});
