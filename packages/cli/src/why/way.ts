import { type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import { type Address, type Family, familyOf, formatAddress, Prefix } from "@ocicat/net";
import type { Packet, Verdict, Walk } from "@ocicat/policy";
import { type PoolRow, TUNNELS } from "@ocicat/routing";
import { type PlanCluster, type PlanNode, type PresentRoute, presentRoute } from "@ocicat/routing/plan";
import type { PacketEnd } from "../policy/ends.ts";

/** What the datastore says of a packet's way. */
export interface WayInput {
  readonly from: PacketEnd;
  readonly to: PacketEnd;
  readonly packet: Packet;
  readonly judged: Verdict;
  readonly cluster: PlanCluster;
  readonly blocks: readonly AllocationBlock[];
  /** FelixConfiguration's natOutgoingExclusions. */
  readonly natExclusions: "IPPoolsOnly" | "IPPoolsAndHostIPs";
}

/** Where a packet comes by, and what is decided about it there, in order. */
export interface Hop {
  readonly place: string;
  readonly kind: "pod" | "node" | "outside";
  readonly facts: readonly Fact[];
}

export type Fact =
  | { readonly about: "policy"; readonly walk: Walk }
  | {
      readonly about: "route" | "neighbour" | "encapsulation" | "nat" | "arrival";
      readonly text: string;
      /** Undefined: the text says it. */
      readonly why: string | undefined;
      /** The packet goes no further. */
      readonly ends?: true;
    };

/** arrives: nothing that is stored keeps it. */
export type Expected = "arrives" | "denied" | "no route";

export interface Way {
  readonly hops: readonly Hop[];
  readonly expected: Expected;
}

/** The way that follows from what is stored, up to where it ends. */
export function wayOf(input: WayInput): Way {
  const hops: Hop[] = [];
  for (const hop of hopsOf(input)) {
    const end = hop.facts.findIndex(isEnd);
    hops.push(end < 0 ? hop : { ...hop, facts: hop.facts.slice(0, end + 1) });
    const last = hop.facts[end];
    if (last !== undefined) return { hops, expected: last.about === "policy" ? "denied" : "no route" };
  }
  return { hops, expected: "arrives" };
}

function isEnd(fact: Fact): boolean {
  return fact.about === "policy" ? !fact.walk.allowed : fact.ends === true;
}

function* hopsOf(input: WayInput): Iterable<Hop> {
  const { from, to, packet, judged } = input;
  const family = familyOf(packet.source);
  if (from.workload !== undefined) yield { place: from.name, kind: "pod", facts: gateway(family) };
  if (from.node !== undefined) yield { place: from.node, kind: "node", facts: sendingNode(input) };
  if (from.node === undefined) yield { place: from.name, kind: "outside", facts: [comesFromOutside(to)] };
  if (to.node === undefined) yield { place: to.name, kind: "outside", facts: [arrival("its own network's affair")] };
  else if (to.node !== from.node) {
    const tunnel = from.node === undefined ? undefined : routeOf(input)?.tunnel;
    const facts = [
      ...(tunnel === undefined ? [] : [fact("encapsulation", `${TUNNELS[tunnel].title} is taken off`)]),
      ...delivery(to),
      ...(judged.ingress === undefined ? [] : [policy(judged.ingress)]),
    ];
    yield { place: to.node, kind: "node", facts };
  }
  if (to.workload !== undefined) yield { place: to.name, kind: "pod", facts: [arrival("what listens there answers")] };
}

/** A pod's only way out, whatever the address. */
function gateway(family: Family): readonly Fact[] {
  const hop = family === 4 ? "169.254.1.1" : "the node's link-local address";
  return [
    fact("route", `default via ${hop} dev eth0`, "a pod sends everything to its node"),
    ...(family === 4
      ? [fact("neighbour", `the node answers ARP for ${hop}`, "proxy_arp on its end of the cable")]
      : []),
  ];
}

/** In the order of the kernel: where to, whether it may, whose address it bears, to whom on the link, in what. */
function sendingNode(input: WayInput): readonly Fact[] {
  const { from, to, judged } = input;
  const own = judged.egress === undefined ? [] : [policy(judged.egress)];
  if (to.node === from.node) {
    const theirs = judged.ingress === undefined ? [] : [policy(judged.ingress)];
    return [...delivery(to), ...own, ...theirs];
  }
  const { route, link } = onward(input);
  return [route, ...own, natFact(input), ...link];
}

/** From the node towards another, or to the outside. */
function onward(input: WayInput): { readonly route: Fact; readonly link: readonly Fact[] } {
  const { from, to, packet, cluster } = input;
  if (to.workload === undefined) {
    const what = to.node === undefined ? "the outside" : `node ${to.node}`;
    return {
      route: fact("route", `by ${from.node}'s own routes`, `${what} is not reached by a route of ours`),
      link: [],
    };
  }
  const route = routeOf(input);
  const pool = poolOf(cluster.pools, packet.destination);
  if (route?.text === undefined || pool === undefined) {
    const unknown = pool === undefined ? "no IPPool holds the address" : `${from.node} or ${to.node} is not stored`;
    const text = `none to ${formatAddress(packet.destination)}`;
    return { route: { about: "route", text, why: route?.why ?? unknown, ends: true }, link: [] };
  }
  return {
    route: fact("route", route.text, route.why),
    link: [neighbour(input, route), encapsulation(input, route, pool)],
  };
}

function neighbour({ from, cluster, packet }: WayInput, { via, tunnel }: PresentRoute): Fact {
  const hop = via === undefined ? "" : formatAddress(via);
  const own = ownOf(nodeNamed(cluster, from.node), familyOf(packet.source));
  if (tunnel === "ipip") return fact("neighbour", `none: what goes into ${TUNNELS.ipip.device} goes to ${hop}`);
  if (tunnel !== undefined)
    return fact(
      "neighbour",
      `${hop} by the entry that the agent wrote`,
      "the far device's MAC stands in its Node resource",
    );
  const asks = typeof via === "bigint" ? "by neighbour discovery" : "by ARP";
  return fact(
    "neighbour",
    `${hop} is asked for ${asks}`,
    own === undefined ? undefined : `it is on the subnet ${own.subnet}`,
  );
}

function encapsulation({ from, to, cluster, packet }: WayInput, { tunnel }: PresentRoute, pool: PoolRow): Fact {
  const family = familyOf(packet.source);
  const [own, other] = [from.node, to.node].map((name) => ownOf(nodeNamed(cluster, name), family));
  const modes = `IPPool ${pool.name} has vxlanMode ${pool.vxlanMode}, ipipMode ${pool.ipipMode}`;
  if (tunnel === undefined) {
    const near = own !== undefined && other !== undefined && own.subnet.has(other.address);
    return fact("encapsulation", "none", near ? `${modes}; both nodes are on ${own.subnet}` : modes);
  }
  const { title, overhead } = TUNNELS[tunnel];
  const ends = [own, other].map((end) => (end === undefined ? "?" : formatAddress(end.address))).join(" → ");
  return fact("encapsulation", `${title}: ${ends} around it, ${overhead} bytes more`, modes);
}

function natFact({ from, to, packet, cluster, natExclusions }: WayInput): Fact {
  const pool = from.workload === undefined ? undefined : poolOf(cluster.pools, packet.source);
  if (pool === undefined) return fact("nat", "none", "it does not come from a pool");
  if (!pool.natOutgoing) return fact("nat", "none", `IPPool ${pool.name} has no natOutgoing`);
  const target = poolOf(cluster.pools, packet.destination);
  if (target !== undefined)
    return fact("nat", "none", `${formatAddress(packet.destination)} is in IPPool ${target.name}`);
  if (to.node !== undefined && natExclusions === "IPPoolsAndHostIPs")
    return fact(
      "nat",
      "none",
      `${formatAddress(packet.destination)} is a node's, and natOutgoingExclusions spares these`,
    );
  const own = ownOf(nodeNamed(cluster, from.node), familyOf(packet.source));
  const becomes = own === undefined ? "the node's address" : formatAddress(own.address);
  const why = `IPPool ${pool.name} has natOutgoing, and ${formatAddress(packet.destination)} is in no pool`;
  return fact("nat", `source ${formatAddress(packet.source)} becomes ${becomes}`, why);
}

/** To a pod of this node, or to the node itself. */
function delivery({ workload, addresses, node }: PacketEnd): readonly Fact[] {
  const [address] = addresses;
  const text = address === undefined ? "" : formatAddress(address);
  if (workload === undefined) return [arrival(`${text} is ${node ?? ""}'s own`)];
  const dev = workload.interfaceName === "" ? "an interface that is not told" : workload.interfaceName;
  return [fact("route", `${text} dev ${dev} scope link`, `endpoint ${workload.id} is here`)];
}

function comesFromOutside({ node }: PacketEnd): Fact {
  return fact("route", `by routes of others, to ${node ?? "its destination"}`, "what is outside is not stored");
}

function routeOf({ from, to, packet, cluster, blocks }: WayInput): PresentRoute | undefined {
  const [sender, receiver] = [from.node, to.node].map((name) => nodeNamed(cluster, name));
  const pool = poolOf(cluster.pools, packet.destination);
  if (sender === undefined || receiver === undefined || pool === undefined || to.workload === undefined)
    return undefined;
  const host = Prefix.host(packet.destination);
  const block = blocks.find(({ prefix }) => prefix.covers(host));
  const owner = block === undefined ? undefined : blockOwner(block);
  // An address that was borrowed has a route of its own.
  const isOwn = block !== undefined && owner?.type === "host" && owner.name === receiver.name;
  return presentRoute(sender, receiver, { block: isOwn ? block.prefix : host, pool }, cluster);
}

function nodeNamed({ nodes }: PlanCluster, name: string | undefined): PlanNode | undefined {
  return nodes.find((node) => node.name === name);
}

function ownOf(node: PlanNode | undefined, family: Family) {
  return family === 4 ? node?.ipv4 : node?.ipv6;
}

function poolOf(pools: readonly PoolRow[], address: Address): PoolRow | undefined {
  return pools.find(({ cidr }) => cidr.has(address));
}

function policy(walk: Walk): Fact {
  return { about: "policy", walk };
}

function arrival(text: string): Fact {
  return fact("arrival", text);
}

function fact(about: Exclude<Fact["about"], "policy">, text: string, why?: string): Fact {
  return { about, text, why };
}
