import { formatAddress, Prefix, parseAddress, parseScoped } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type Neighbour,
  NO_TUNNELS,
  type PeerNode,
  type PeerRow,
  type PeerSettings,
  peerSessions,
} from "../src/index.ts";

function own(text: string | undefined, length: number) {
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  return { address, subnet: Prefix.of(address, length) };
}

function node(name: string, ipv4: string | undefined, extra: Partial<PeerNode> & { v6?: string } = {}): PeerNode {
  const { v6, ...rest } = extra;
  return {
    name,
    ipv4: own(ipv4, 24),
    ipv6: own(v6, 64),
    asNumber: undefined,
    routeReflectorClusterId: undefined,
    labels: {},
    tunnels: NO_TUNNELS,
    ...rest,
  };
}

function row(name: string, extra: Partial<PeerRow>): PeerRow {
  return {
    name,
    nodes: "all",
    peer: router("10.0.0.1"),
    localAsNumber: undefined,
    nextHop: "auto",
    fromNodeAddress: true,
    allowedOwnAs: 0,
    keepaliveS: undefined,
    restartTimeS: undefined,
    reversed: true,
    password: undefined,
    mostHops: undefined,
    reachableBy: undefined,
    filters: [],
    bfd: undefined,
    ...extra,
  };
}

function router(address: string, asNumber: number | undefined = 65000, port?: number) {
  return { address: parseAddress(address), port, asNumber };
}

const labelled = (name: string) => (labels: Readonly<Record<string, string>>) => name in labels;

const without = (name: string) => (labels: Readonly<Record<string, string>>) => !(name in labels);

const SETTINGS: PeerSettings = { asNumber: 64512, portOf: (name) => (name === "node9" ? 1790 : 179) };
const NODE1 = node("node1", "10.0.0.9");
const NODE2 = node("node2", "10.0.0.10", { labels: { rr: "" } });
const NODES = [NODE1, NODE2];

/** "Global_10_0_0_1 AS 65000": what matters in most tests. */
function told(self: PeerNode, rows: readonly PeerRow[], nodes: readonly PeerNode[] = NODES): string[] {
  return peerSessions(self, nodes, rows, SETTINGS).map(
    ({ name, remoteAs, remotePort, passive, refused }) =>
      `${name} AS ${remoteAs}${remotePort === 179 ? "" : ` port ${remotePort}`}${passive ? " passive" : ""}${refused === undefined ? "" : ` refused: ${refused}`}`,
  );
}

describe("a BGPPeer", () => {
  it("of all nodes is on every node, and nobody waits for a router", () => {
    const rows = [row("tor", {})];
    expect(told(NODE1, rows)).toEqual(["Global_10_0_0_1 AS 65000"]);
    expect(told(NODE2, rows)).toEqual(["Global_10_0_0_1 AS 65000"]);
  });

  it("of one node is on that node", () => {
    const rows = [row("tor", { nodes: { name: "node1" }, peer: router("10.0.0.1", 65000, 1179) })];
    expect(told(NODE1, rows)).toEqual(["Node_10_0_0_1 AS 65000 port 1179"]);
    expect(told(NODE2, rows)).toEqual([]);
  });

  it("of nodes by label is on those", () => {
    const rows = [row("tor", { nodes: { match: labelled("rr") } })];
    expect(told(NODE1, rows)).toEqual([]);
    expect(told(NODE2, rows)).toEqual(["Node_10_0_0_1 AS 65000"]);
  });

  it("says what the session is like", () => {
    const settings = {
      localAsNumber: 64999,
      nextHop: "keep",
      allowedOwnAs: 2,
      keepaliveS: 10,
      restartTimeS: 30,
    } as const;
    const [session] = peerSessions(NODE1, NODES, [row("tor", settings)], SETTINGS);
    expect(session).toMatchObject({
      scope: "global",
      node: undefined,
      localAddress: parseAddress("10.0.0.9"),
      localAs: 64999,
      nextHop: "keep",
      allowedOwnAs: 2,
      keepaliveS: 10,
      restartTimeS: 30,
      origin: { reason: "BGPPeer tor", resources: [{ kind: "BGPPeer", name: "tor" }] },
    });
  });

  it("may leave the source address to the system", () => {
    const [session] = peerSessions(NODE1, NODES, [row("tor", { fromNodeAddress: false })], SETTINGS);
    expect(session?.localAddress).toBeUndefined();
  });

  it("without an AS number is of the peer's, if that is a node, else of the cluster's", () => {
    const node9 = node("node9", "10.0.0.99", { asNumber: 64599 });
    const peer = (address: string) => ({ address: parseAddress(address), port: undefined, asNumber: undefined });
    const rows = [row("a", { peer: peer("10.0.0.99") }), row("b", { peer: peer("10.0.0.1") })];
    expect(told(NODE1, rows, [...NODES, node9])).toEqual([
      "Global_10_0_0_99 AS 64599 port 1790 passive",
      "Global_10_0_0_1 AS 64512",
    ]);
  });

  it("towards a family that the node has no address of is refused, with the reason", () => {
    expect(told(NODE1, [row("tor", { peer: router("fd00::1") })])).toEqual([
      "Global_fd00__1 AS 65000 refused: node1 has no IPv6 address",
    ]);
  });
});

describe("a peer on a link", () => {
  const FOUND = parseScoped("fe80::2").address;
  const onLink = (text: string) => ({ ...parseScoped(text), port: undefined, asNumber: 65000 });
  const sessions = (rows: readonly PeerRow[], neighbour: Neighbour) =>
    peerSessions(NODE1, NODES, rows, { ...SETTINGS, neighbourOn: () => neighbour });

  it("may be named by its link-local address and the interface, and needs no address of the node", () => {
    const [session] = sessions([row("tor", { peer: onLink("fe80::2%eth1") })], { unknown: "not asked" });
    expect(session).toMatchObject({ name: "Global_fe80__2_eth1", link: "eth1", unnumbered: false, refused: undefined });
    expect(session?.localAddress).toBeUndefined();
  });

  it("by its link-local address alone could be anywhere", () => {
    expect(told(NODE1, [row("tor", { peer: onLink("fe80::2") })])).toEqual([
      "Global_fe80__2 AS 65000 refused: fe80::2 is link-local: its interface must be named as well, as in fe80::2%eth1",
    ]);
  });

  it("may be whoever is at the other end, and is called after the link whatever its address is", () => {
    const rows = [row("tor", { peer: { neighbourOn: "eth1", asNumber: 65000 } })];
    const known = typeof FOUND === "bigint" ? sessions(rows, FOUND) : [];
    expect(known).toMatchObject([
      { name: "Global_eth1", remoteAddress: FOUND, link: "eth1", unnumbered: true, refused: undefined },
    ]);
    expect(sessions(rows, { unknown: "nobody was heard" })).toMatchObject([
      { name: "Global_eth1", link: "eth1", unnumbered: true, refused: "nobody was heard" },
    ]);
  });

  it("the same address on two links is two peers", () => {
    const rows = [row("a", { peer: onLink("fe80::2%eth1") }), row("b", { peer: onLink("fe80::2%eth2") })];
    expect(told(NODE1, rows)).toEqual(["Global_fe80__2_eth1 AS 65000", "Global_fe80__2_eth2 AS 65000"]);
  });
});

describe("workloads", () => {
  const rows = [row("bird", { peer: { workloads: labelled("router"), asNumber: 65100 }, localAsNumber: 64999 })];
  const addresses = [parseAddress("10.244.1.2"), parseAddress("fd00:1::2")];
  const workloads = [
    { name: "default/r1", labels: { router: "" }, addresses },
    { name: "default/web", labels: {}, addresses: [parseAddress("10.244.1.3")] },
  ];

  it("of this node are peers by their labels, in each family, and the node dials them", () => {
    const two = node("node1", "10.244.9.9", { v6: "fd00::9" });
    const sessions = peerSessions(two, NODES, rows, { ...SETTINGS, workloads });
    expect(
      sessions.map(({ name, scope, remoteAs, localAs, passive, refused }) => [
        name,
        scope,
        remoteAs,
        localAs,
        passive,
        refused,
      ]),
    ).toEqual([
      ["Local_Workload_10_244_1_2", "local workload", 65100, 64999, false, undefined],
      ["Local_Workload_fd00_1__2", "local workload", 65100, 64999, false, undefined],
    ]);
    expect(sessions[0]?.origin.reason).toBe("BGPPeer bird, which names default/r1");
  });

  it("do not make other nodes answer", () => {
    expect(told(NODE2, rows)).toEqual([]);
  });
});

describe("a reflector", () => {
  const rr1 = node("node2", "10.0.0.10", { labels: { rr: "" }, routeReflectorClusterId: "224.0.0.1" });
  const rr2 = node("node3", "10.0.0.11", { labels: { rr: "" }, routeReflectorClusterId: "224.0.0.1" });
  const other = node("node4", "10.0.0.12", { labels: { rr: "" }, routeReflectorClusterId: "224.0.0.2" });
  const all = [NODE1, rr1, rr2, other];
  const rows = [row("rr", { peer: { match: labelled("rr") } }), row("tor", { peer: router("10.0.0.1") })];

  const reflected = (self: PeerNode) =>
    peerSessions(self, all, rows, SETTINGS).map(
      ({ remoteAddress, clusterId, reflectorClient }) =>
        `${formatAddress(remoteAddress)} ${clusterId} ${reflectorClient ? "client" : "no client"}`,
    );

  it("has every node of its AS that is no reflector of its cluster as a client", () => {
    expect(reflected(rr1)).toEqual([
      "10.0.0.11 224.0.0.1 no client",
      "10.0.0.12 224.0.0.1 client",
      "10.0.0.1 undefined no client",
      "10.0.0.9 224.0.0.1 client",
    ]);
  });

  it("is what a node without a cluster identifier is not", () => {
    expect(reflected(NODE1).every((one) => one.endsWith("undefined no client"))).toBe(true);
  });
});

describe("who dials", () => {
  const rows = [row("all", { peer: { match: labelled("rr") } })];

  it("between nodes, of a global peering: the one whose address is the greater text", () => {
    expect(told(NODE1, rows)).toEqual(["Global_10_0_0_10 AS 64512"]);
    const swapped = node("node1", "10.0.0.1");
    expect(told(swapped, rows, [swapped, NODE2])).toEqual(["Global_10_0_0_10 AS 64512 passive"]);
  });

  it("is always both for peerings of single nodes: somebody must", () => {
    const single = [row("one", { nodes: { name: "node1" }, peer: { match: labelled("rr") } })];
    expect(told(NODE1, single)).toEqual(["Node_10_0_0_10 AS 64512"]);
    expect(told(NODE2, single)).toEqual(["Node_10_0_0_9 AS 64512"]);
  });
});

describe("the other end", () => {
  it("that is a node answers without a BGPPeer of its own, by selector or by address", () => {
    const bySelector = [row("rr", { peer: { match: labelled("rr") } })];
    expect(told(NODE2, bySelector)).toEqual(["Node_10_0_0_9 AS 64512"]);
    const byAddress = [row("rr", { nodes: { name: "node1" }, peer: router("10.0.0.10", 64512) })];
    expect(told(NODE2, byAddress)).toEqual(["Node_10_0_0_9 AS 64512"]);
  });

  it("expects the AS number that the first end uses", () => {
    const rows = [row("rr", { localAsNumber: 64999, peer: { match: labelled("rr") } })];
    expect(told(NODE2, rows)).toEqual(["Node_10_0_0_9 AS 64999"]);
  });

  it("does not answer where its AS or its port is another, nor where that is left to people", () => {
    const named = (peer: PeerRow["peer"], extra: Partial<PeerRow> = {}) => told(NODE2, [row("p", { peer, ...extra })]);
    expect(named(router("10.0.0.10", 65000))).toEqual([]);
    expect(named(router("10.0.0.10", 64512, 1179))).toEqual([]);
    expect(named(router("10.0.0.10", 64512, 179))).toEqual(["Node_10_0_0_9 AS 64512"]);
    expect(named(router("10.0.0.10", 64512), { reversed: false })).toEqual([]);
  });

  it("in two families, where both have an address of each", () => {
    const one = node("node1", "10.0.0.9", { v6: "fd00::9" });
    const two = node("node2", "10.0.0.10", { v6: "fd00::10", labels: { rr: "" } });
    const rows = [row("rr", { nodes: { match: without("rr") }, peer: { match: labelled("rr") } })];
    expect(told(one, rows, [one, two])).toEqual(["Node_10_0_0_10 AS 64512", "Node_fd00__10 AS 64512"]);
    expect(told(two, rows, [one, two])).toEqual(["Node_10_0_0_9 AS 64512", "Node_fd00__9 AS 64512"]);
  });
});

describe("several", () => {
  it("to one address are one session: that of all nodes, else the first by name", () => {
    const single = row("a", { nodes: { name: "node1" }, peer: router("10.0.0.1", 65001) });
    const other = row("b", { nodes: { name: "node1" }, peer: router("10.0.0.1", 65002) });
    expect(told(NODE1, [other, single])).toEqual(["Node_10_0_0_1 AS 65001"]);
    expect(told(NODE1, [other, single, row("z", {})])).toEqual(["Global_10_0_0_1 AS 65000"]);
  });

  it("never one with itself", () => {
    expect(told(NODE2, [row("rr", { peer: { match: labelled("rr") } })], [NODE2])).toEqual([]);
  });
});
