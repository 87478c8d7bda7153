import type {
  AgentFacts,
  ClusterFacts,
  ClusterNode,
  Facts,
  HostFacts,
  LinkFact,
  NodeFacts,
  PeerFact,
  RouteFact,
} from "@ocicat/doctor";
import { origin } from "@ocicat/kit";
import { type Address, Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import {
  type ActualTable,
  baseChain,
  type Hook,
  type RegularChain,
  type Rule,
  type TableRef,
  table,
} from "@ocicat/nftables";

/** A node with which nothing is wrong: VXLAN, one pod, one other node. */
export const NODE = "node1";

export function link(index: number, name: string, more: Partial<LinkFact> = {}): LinkFact {
  return { index, name, kind: "", mtu: 1500, up: true, loopback: false, master: 0, ...more };
}

export function route(destination: string, linkIndex: number, more: Partial<RouteFact> = {}): RouteFact {
  return {
    kind: "unicast",
    destination: parsePrefix(destination),
    protocol: 2,
    nextHops: [{ via: undefined, linkIndex }],
    ...more,
  };
}

export function at(text: string): { readonly address: Address; readonly subnet: Prefix } {
  const [address = "", length] = text.split("/");
  return { address: parseAddress(address), subnet: Prefix.of(parseAddress(address), Number(length)) };
}

export function clusterNode(name: string, ipv4: string | undefined, more: Partial<ClusterNode> = {}): ClusterNode {
  return {
    name,
    ipv4: ipv4 === undefined ? undefined : at(ipv4),
    ipv6: undefined,
    backend: "bird",
    tunnels: { ipip: undefined, vxlan: undefined, vxlan6: undefined },
    sendsBy: undefined,
    ...more,
  };
}

export const POOL = {
  name: "pods",
  cidr: parsePrefix("10.244.0.0/16"),
  ipipMode: "Never",
  vxlanMode: "Always",
  disabled: false,
} as const;

export const HOST: HostFacts = {
  release: "6.18.0",
  links: [
    link(1, "lo", { loopback: true, mtu: 65536 }),
    link(2, "ens33"),
    link(3, "vxlan.calico", { kind: "vxlan", mtu: 1450, txChecksum: false }),
    link(4, "cali1", { kind: "veth", mtu: 1450 }),
  ],
  addresses: [
    { linkIndex: 2, address: parseAddress("192.168.0.81"), prefixLength: 24 },
    { linkIndex: 3, address: parseAddress("10.244.1.0"), prefixLength: 32 },
  ],
  routes: [
    route("0.0.0.0/0", 2, { protocol: 4, nextHops: [{ via: parseAddress("192.168.0.1"), linkIndex: 2 }] }),
    route("192.168.0.0/24", 2),
    route("10.244.1.0/26", 0, { kind: "blackhole", protocol: 12, nextHops: [] }),
    route("10.244.1.1/32", 4, { protocol: 3 }),
    route("10.244.2.0/26", 3, { protocol: 3, nextHops: [{ via: parseAddress("10.244.2.0"), linkIndex: 3 }] }),
  ],
  settings: new Map([
    ["net/ipv4/ip_forward", "1"],
    ["net/ipv6/conf/all/forwarding", "0"],
    ["net/ipv4/conf/all/rp_filter", "0"],
    ["net/ipv4/conf/ens33/rp_filter", "0"],
    ["net/ipv4/conf/ens33/forwarding", "1"],
    ["net/ipv4/conf/cali1/forwarding", "1"],
    ["net/ipv4/conf/cali1/rp_filter", "1"],
    ["net/ipv4/conf/cali1/proxy_arp", "1"],
    ["net/ipv4/neigh/default/gc_thresh3", "1024"],
  ]),
  pods: new Map([["cali1", "default/pod1"]]),
  interfacePrefixes: ["cali"],
  neighbours: 3,
  connections: { count: 10, max: 1000 },
  listeners: [{ program: "this agent", pid: 7, ours: true }],
  cniFiles: [{ file: "/etc/cni/net.d/10-ocicat.conflist", name: "ocicat", plugins: ["ocicat", "portmap"] }],
  ourTables: [{ name: "inet ocicat-guard", owned: true }],
  ipip: "absent",
};

export const CLUSTER: ClusterFacts = {
  pools: [POOL],
  nodes: [clusterNode(NODE, "192.168.0.81/24"), clusterNode("node2", "192.168.0.82/24")],
  affinities: [{ node: "node2", block: parsePrefix("10.244.2.0/26") }],
  tunnelMtus: [],
  bgpPort: 179,
  locked: false,
  unreadable: [],
};

export const AGENT: AgentFacts = {
  waitsFor: [],
  addresses: [
    { address: parseAddress("192.168.0.81"), length: 24, interfaceName: "ens33", others: [], why: "there is no other" },
  ],
  pendingRoutes: [],
  ruleFailure: undefined,
  sessions: [{ node: "node2", address: "192.168.0.82", state: "Established", info: "" }],
};

export const PEER: PeerFact = {
  node: "node2",
  address: parseAddress("192.168.0.82"),
  echo: { came: "answer" },
  full: { bytes: 1500, answer: { came: "answer" }, passes: 1500 },
  bgp: { port: 179, state: "Established", answer: { came: "answer" } },
  tunnels: [{ name: "vxlan", answer: { came: "answer" } }],
};

/** A table with a chain at a hook, and rules that have the handles 1, 2, … */
export function firewallTable(
  ref: TableRef,
  hook: Hook,
  name: string,
  policy: "accept" | "drop",
  rules: readonly Rule[] = [],
  others: readonly RegularChain[] = [],
): ActualTable {
  const none = origin("");
  const chain = baseChain({ name, type: "filter", hook, priority: 0, policy, origin: none, rules });
  const chains = [chain, ...others];
  const states = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ handle: BigInt(index + 1), counters: undefined }));
  return {
    table: table({ ...ref, owned: false, origin: none, chains }),
    orphaned: false,
    owner: undefined,
    ruleStates: new Map(chains.map((one) => [one.name, states(one.rules.length)])),
    unknown: [],
  };
}

type Changes = { readonly [K in "host" | "cluster" | "agent" | "firewall"]?: Partial<Facts[K]> } & {
  readonly peer?: Partial<PeerFact>;
};

/** The healthy node, but for what is said. */
export function facts(changes: Changes = {}): NodeFacts {
  return {
    node: NODE,
    host: { ok: true, value: { ...HOST, ...changes.host } },
    cluster: { ok: true, value: { ...CLUSTER, ...changes.cluster } },
    agent: { ok: true, value: { ...AGENT, ...changes.agent } },
    firewall: { ok: true, value: { tables: [], legacy: [], unread: [], ...changes.firewall } },
    peers: { ok: true, value: [{ ...PEER, ...changes.peer }] },
  };
}
