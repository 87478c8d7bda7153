import { describeOrigin, seededRandom } from "@ocicat/kit";
import { formatAddress, Prefix, parseAddress, parsePrefix, parseScoped } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { isPassive, meshPeers, NO_TUNNELS, type NodeRow, type PoolRow, RoutingResolver } from "../src/index.ts";

const pool: PoolRow = {
  name: "default-ipv4-ippool",
  cidr: parsePrefix("10.244.0.0/16"),
  ipipMode: "Never",
  vxlanMode: "Never",
  natOutgoing: true,
  disabled: false,
  disableBgpExport: false,
};
const block = parsePrefix("10.244.42.64/26");
const pod1 = {
  id: "default/node1-k8s-pod1-eth0",
  workload: "default/pod1",
  interfaceName: "cali0001",
  addresses: [parseAddress("10.244.42.64")],
};
const borrower = {
  id: "default/node1-k8s-pod9-eth0",
  workload: "default/pod9",
  interfaceName: "cali0009",
  addresses: [parseAddress("10.244.103.70")],
};
const learned = {
  prefix: parsePrefix("10.244.103.64/26"),
  nextHops: [parseScoped("192.168.0.82")],
  from: "node2 (192.168.0.82)",
  peering: undefined,
};

const steps: ((resolver: RoutingResolver) => void)[] = [
  (resolver) => resolver.setPool(pool.name, pool),
  (resolver) => resolver.setAffinity("node1", block, { node: "node1", block, state: "confirmed" }),
  (resolver) =>
    resolver.setAffinity("node2", learned.prefix, { node: "node2", block: learned.prefix, state: "confirmed" }),
  (resolver) => resolver.setEndpoint(pod1.id, pod1),
  (resolver) => resolver.setEndpoint(borrower.id, borrower),
  (resolver) => resolver.setLearned(learned.prefix, learned),
];

function snapshot(resolver: RoutingResolver) {
  return {
    routes: [...resolver.routes]
      .map(([key, route]) => [key, route.kind, route.protocol, describeOrigin(route.origin)])
      .sort(),
    announcements: [...resolver.announcements.keys()].sort(),
  };
}

function build(): RoutingResolver {
  const resolver = new RoutingResolver("node1");
  for (const step of steps) step(resolver);
  return resolver;
}

describe("RoutingResolver", () => {
  it("gives a node the seeds' routes: blackhole block, local /32s, remote block via its node", () => {
    const resolver = build();
    resolver.flush();
    expect([...resolver.routes].map(([key, route]) => [key, route.kind]).sort()).toEqual([
      ["10.244.103.64/26", "via"],
      ["10.244.103.70/32", "device"],
      ["10.244.42.64/26", "blackhole"],
      ["10.244.42.64/32", "device"],
    ]);
  });

  it("announces the block and the borrowed address, not the addresses inside the block", () => {
    const resolver = build();
    resolver.flush();
    expect([...resolver.announcements.keys()].sort()).toEqual(["10.244.103.70/32", "10.244.42.64/26"]);
  });

  it("ends in the same state whatever the order of the changes, with flushes anywhere between", () => {
    const expected = (() => {
      const resolver = build();
      resolver.flush();
      return snapshot(resolver);
    })();
    const random = seededRandom(7);
    for (let round = 0; round < 200; round++) {
      const resolver = new RoutingResolver("node1");
      const order = steps.map((step) => ({ step, at: random.uint32() })).sort((a, b) => a.at - b.at);
      for (const { step } of order) {
        step(resolver);
        if (random.uint32() % 2 === 0) resolver.flush();
        if (random.uint32() % 4 === 0) resolver.setEndpoint(pod1.id, undefined);
        step(resolver);
      }
      resolver.setEndpoint(pod1.id, pod1);
      resolver.flush();
      expect(snapshot(resolver)).toEqual(expected);
    }
  });

  it("reports nothing when the same rows come again", () => {
    const resolver = build();
    resolver.flush();
    for (const step of steps) step(resolver);
    const changes = resolver.flush();
    expect(changes.routes.size + changes.announcements.size).toBe(0);
  });

  it("forgets an endpoint by the key it came under, whatever its row calls it", () => {
    const resolver = new RoutingResolver("node1");
    resolver.setPool(pool.name, pool);
    resolver.setEndpoint("another key", borrower);
    expect(resolver.flush().announcements.size).toBe(1);
    resolver.setEndpoint("another key", undefined);
    expect([...resolver.flush().announcements.values()].map((change) => change.announcement)).toEqual([undefined]);
    expect(resolver.routes.size).toBe(0);
  });

  it("takes everything back when the inputs go", () => {
    const resolver = build();
    resolver.flush();
    resolver.setEndpoint(pod1.id, undefined);
    resolver.setEndpoint(borrower.id, undefined);
    resolver.setLearned(learned.prefix, undefined);
    resolver.setAffinity("node1", block, undefined);
    const changes = resolver.flush();
    expect([...changes.routes.values()].every((change) => change.route === undefined)).toBe(true);
    expect(resolver.routes.size + resolver.announcements.size).toBe(0);
    expect(resolver.why(parsePrefix("0.0.0.0/0"))).toEqual([]);
  });

  it.each(["pending", "pendingDeletion"] as const)("ignores an affinity that is %s", (state) => {
    const resolver = new RoutingResolver("node1");
    resolver.setPool(pool.name, pool);
    resolver.setAffinity("node1", block, { node: "node1", block, state });
    resolver.flush();
    expect(resolver.routes.size + resolver.announcements.size).toBe(0);
  });

  it("keeps a learned route outside every pool out of the kernel, and says why", () => {
    const resolver = build();
    const foreign = parsePrefix("172.30.0.0/16");
    resolver.setLearned(foreign, { ...learned, prefix: foreign });
    resolver.flush();
    expect(resolver.routes.has("172.30.0.0/16")).toBe(false);
    expect(resolver.why(foreign)[0]?.refused).toContain("lies in no IPPool");
  });

  it("announces nothing of a pool with disableBGPExport", () => {
    const resolver = build();
    resolver.setPool(pool.name, { ...pool, disableBgpExport: true });
    resolver.flush();
    expect(resolver.announcements.size).toBe(0);
  });

  it("answers why for an address, most specific route first", () => {
    const resolver = build();
    resolver.flush();
    const answers = resolver.why(parsePrefix("10.244.42.64"));
    expect(answers.map((answer) => answer.prefix.toString())).toEqual(["10.244.42.64/32", "10.244.42.64/26"]);
    expect(answers[0]?.route?.origin.resources).toContainEqual({ kind: "WorkloadEndpoint", name: pod1.id });
  });
});

describe("meshPeers", () => {
  const node = (name: string, address: string, extra: Partial<NodeRow> = {}): NodeRow => ({
    name,
    ipv4: { address: parseAddress(address), subnet: parsePrefix(`${address}/24`, { hostBits: "clear" }) },
    ipv6: undefined,
    asNumber: undefined,
    routeReflectorClusterId: undefined,
    tunnels: NO_TUNNELS,
    ...extra,
  });
  const nodes = [node("a", "10.0.0.9"), node("b", "10.0.0.10"), node("c", "10.0.0.80", { asNumber: 65001 })];

  it("peers with every other node; exactly one side of each pair dials", () => {
    for (const left of nodes) {
      for (const peer of meshPeers(left, nodes, { enabled: true, asNumber: 64512 })) {
        const back = meshPeers(nodes.find((row) => row.name === peer.node) as NodeRow, nodes, {
          enabled: true,
          asNumber: 64512,
        });
        expect(back.find((other) => other.node === left.name)?.passive).toBe(!peer.passive);
      }
    }
  });

  it("compares addresses as strings, like Calico", () => {
    expect(isPassive(parseAddress("10.0.0.10"), parseAddress("10.0.0.9"))).toBe(true);
    expect(isPassive(parseAddress("10.0.0.9"), parseAddress("10.0.0.10"))).toBe(false);
  });

  it("uses a node's own AS number where it has one", () => {
    const peers = meshPeers(nodes[0] as NodeRow, nodes, { enabled: true, asNumber: 64512 });
    expect(peers.map((peer) => peer.remoteAs)).toEqual([64512, 65001]);
  });

  it("peers by each family of which both have an address, and its reason names the node", () => {
    const ipv6 = (address: string) => ({ address: parseAddress(address), subnet: parsePrefix("fd00::/64") });
    const dual = [node("a", "10.0.0.9", { ipv6: ipv6("fd00::9") }), node("b", "10.0.0.10", { ipv6: ipv6("fd00::10") })];
    const only6 = node("c", "10.0.0.80", { ipv4: undefined, ipv6: ipv6("fd00::80") });
    const sessions = (self: NodeRow) =>
      meshPeers(self, [...dual, only6, ...nodes.slice(2)], { enabled: true, asNumber: 64512 }).map(
        (peer) =>
          `${formatAddress(peer.localAddress)} ${peer.passive ? "<" : ">"} ${formatAddress(peer.remoteAddress)}`,
      );
    expect(sessions(dual[0] as NodeRow)).toEqual([
      "10.0.0.9 > 10.0.0.10",
      "fd00::9 > fd00::10",
      "fd00::9 > fd00::80",
      "10.0.0.9 > 10.0.0.80",
    ]);
    expect(sessions(only6)).toEqual(["fd00::80 < fd00::9", "fd00::80 > fd00::10"]);
  });

  it("has no peers with the mesh off, for a reflector, and not with one", () => {
    const reflector = node("r", "10.0.0.99", { routeReflectorClusterId: "244.0.0.1" });
    expect(meshPeers(nodes[0] as NodeRow, nodes, { enabled: false, asNumber: 64512 })).toEqual([]);
    expect(meshPeers(reflector, nodes, { enabled: true, asNumber: 64512 })).toEqual([]);
    expect(meshPeers(nodes[0] as NodeRow, [...nodes, reflector], { enabled: true, asNumber: 64512 })).toHaveLength(2);
  });
});

describe("a BGP peer behind a gateway of its own", () => {
  it("has a route through it for as long as it is asked for", () => {
    const resolver = new RoutingResolver("node1");
    const resources = [{ kind: "BGPPeer", name: "tor" }];
    const via = (address: string) =>
      new Map([["10.9.0.1/32", { via: parseAddress(address), origin: { reason: "reachableBy", resources } }]]);
    const told = () =>
      [...resolver.flush().routes.values()].map(({ prefix, route }) =>
        route?.kind === "via" ? `${prefix} via ${formatAddress(route.via)} proto ${route.protocol}` : `${prefix} gone`,
      );
    resolver.setGateways(via("10.0.0.254"));
    expect(told()).toEqual(["10.9.0.1/32 via 10.0.0.254 proto 12"]);
    resolver.setGateways(via("10.0.0.254"));
    expect(told()).toEqual([]);
    resolver.setGateways(via("10.0.0.253"));
    expect(told()).toEqual(["10.9.0.1/32 via 10.0.0.253 proto 12"]);
    resolver.setGateways(new Map());
    expect(told()).toEqual(["10.9.0.1/32 gone"]);
    expect(resolver.why(Prefix.host(parseAddress("10.9.0.1")))).toEqual([]);
  });
});
