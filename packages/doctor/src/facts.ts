import type { Address, Family, Prefix } from "@ocicat/net";
import type { ActualTable, Table } from "@ocicat/nftables";
import { type Backend, TUNNEL_KINDS, TUNNELS, type TunnelKind } from "@ocicat/routing";

/** Facts that were looked for: there, or why they are not. */
export type Looked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** All that is known of one node. Each group is gathered by itself, so that one that cannot be had does not hide the others. */
export interface Facts {
  readonly host: HostFacts;
  readonly cluster: ClusterFacts;
  readonly agent: AgentFacts;
  readonly firewall: FirewallFacts;
  /** What the other nodes answered. */
  readonly peers: readonly PeerFact[];
}

export type FactName = keyof Facts;

export type NodeFacts = { readonly node: string } & { readonly [K in FactName]: Looked<Facts[K]> };

/** What the node's kernel and files say. */
export interface HostFacts {
  /** `uname -r`. */
  readonly release: string;
  readonly links: readonly LinkFact[];
  readonly addresses: readonly AddressFact[];
  /** The main table's, of both families. */
  readonly routes: readonly RouteFact[];
  /** By their path below /proc/sys: those that checks ask for and the kernel has. */
  readonly settings: ReadonlyMap<string, string>;
  /** Pods by their interface on this side, as `namespace/name`: those that are known. */
  readonly pods: ReadonlyMap<string, string>;
  /** What pods' interfaces begin with. */
  readonly interfacePrefixes: readonly string[];
  /** Resolved neighbours, of all families. */
  readonly neighbours: number;
  readonly connections: { readonly count: number; readonly max: number } | undefined;
  /** Who listens where BGP does. */
  readonly listeners: readonly { readonly program: string; readonly pid: number; readonly ours: boolean }[];
  /** Network configurations of the container runtime, in the order in which it reads them. */
  readonly cniFiles: readonly CniFile[];
  /** Tables of ours, by whether others can change them. */
  readonly ourTables: readonly { readonly name: string; readonly owned: boolean }[];
  /** loaded, to be loaded (a module on disk), or absent. */
  readonly ipip: "loaded" | "loadable" | "absent";
}

export interface LinkFact {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly master: number;
  /** tx-checksum-ip-generic of a tunnel device; undefined where it was not asked for. */
  readonly txChecksum?: boolean | undefined;
}

export interface AddressFact {
  readonly linkIndex: number;
  readonly address: Address;
  readonly prefixLength: number;
}

export interface RouteFact {
  readonly kind: string;
  readonly destination: Prefix;
  readonly protocol: number;
  readonly nextHops: readonly { readonly via: Address | undefined; readonly linkIndex: number }[];
}

export interface CniFile {
  readonly file: string;
  /** The network's name. */
  readonly name: string;
  /** Types of its plugins, the first the main one; empty if it cannot be read. */
  readonly plugins: readonly string[];
}

export type Encapsulation = "Never" | "Always" | "CrossSubnet";

/** What the datastore says, read anew. */
export interface ClusterFacts {
  readonly pools: readonly PoolFact[];
  readonly nodes: readonly ClusterNode[];
  /** Claims on blocks, of all nodes. */
  readonly affinities: readonly { readonly node: string; readonly block: Prefix }[];
  /** FelixConfigurations that say a tunnel's MTU, and by which field. */
  readonly tunnelMtus: readonly {
    readonly configuration: string;
    readonly tunnel: TunnelName;
    readonly field: string;
  }[];
  readonly bgpPort: number;
  /** For a migration: agents act on no change. */
  readonly locked: boolean;
  /** Stored values that cannot be read. */
  readonly unreadable: readonly {
    readonly key: string;
    /** As `kind name`, if the key is a resource's without a namespace. */
    readonly resource: string | undefined;
    readonly reason: string;
  }[];
}

export interface PoolFact {
  readonly name: string;
  readonly cidr: Prefix;
  readonly ipipMode: Encapsulation;
  readonly vxlanMode: Encapsulation;
  readonly disabled: boolean;
}

export interface ClusterNode {
  readonly name: string;
  readonly ipv4: NodeAddressFact | undefined;
  readonly ipv6: NodeAddressFact | undefined;
  readonly backend: Backend;
  /** Addresses of its tunnels' own ends, published once they work. */
  readonly tunnels: { readonly [K in TunnelName]: Address | undefined };
  /** By which tunnels it says it sends; undefined if it says nothing of it. */
  readonly sendsBy: readonly string[] | undefined;
}

export interface NodeAddressFact {
  readonly address: Address;
  readonly subnet: Prefix;
}

/** What only the running agent knows. */
export interface AgentFacts {
  /** What it still waits for; empty when it is ready. */
  readonly waitsFor: readonly string[];
  /** The addresses it took for the node's, one a family at most. */
  readonly addresses: readonly OwnAddressFact[];
  readonly pendingRoutes: readonly { readonly destination: string; readonly reason: string }[];
  /** Why the kernel refused its rules; undefined if it did not. */
  readonly ruleFailure: string | undefined;
  readonly sessions: readonly SessionFact[];
}

export interface OwnAddressFact {
  readonly address: Address;
  /** Its subnet's prefix length. */
  readonly length: number;
  readonly interfaceName: string;
  /** Interfaces whose addresses would have done as well, each with its address. */
  readonly others: readonly string[];
  /** Why this one was taken. */
  readonly why: string;
}

export interface SessionFact {
  readonly node: string | undefined;
  readonly address: string;
  readonly state: string;
  readonly info: string;
}

/** What a tunnel's packets are on the wire: what a firewall between must let by. */
export const CARRIERS: Readonly<Record<TunnelName, string>> = {
  ipip: "IP protocol 4",
  vxlan: "UDP port 4789",
  vxlan6: "UDP port 4789 over IPv6",
};
export type TunnelName = TunnelKind;

/** The tunnel that a pool's packets may take; undefined: none. */
export function tunnelOf(pool: PoolFact): TunnelName | undefined {
  if (pool.ipipMode !== "Never") return "ipip";
  if (pool.vxlanMode === "Never") return undefined;
  return pool.cidr.family === 4 ? "vxlan" : "vxlan6";
}

export function linkNamed(host: HostFacts, name: string): LinkFact | undefined {
  return host.links.find((link) => link.name === name);
}

export function linkOf(host: HostFacts, index: number): LinkFact | undefined {
  return host.links.find((link) => link.index === index);
}

/** Tunnel devices that are up on the node. */
export function tunnelsUp(host: HostFacts): readonly TunnelName[] {
  return TUNNEL_KINDS.filter((name) => linkNamed(host, TUNNELS[name].device)?.up === true);
}

/** Interfaces of pods. */
export function podLinks(host: HostFacts): readonly LinkFact[] {
  return host.links.filter((link) => host.interfacePrefixes.some((prefix) => link.name.startsWith(prefix)));
}

/** The node's own row. */
export function selfIn(cluster: ClusterFacts, node: string): ClusterNode | undefined {
  return cluster.nodes.find((row) => row.name === node);
}

/** The interface with this address. */
export function linkWith(host: HostFacts, address: Address): LinkFact | undefined {
  const entry = host.addresses.find((candidate) => candidate.address === address);
  return entry === undefined ? undefined : linkOf(host, entry.linkIndex);
}

/** Of a kernel's release, such as "6.18.44-cloud". */
export function isBefore(release: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = release.split(/[.-]/).map(Number);
  return first < major || (first === major && second < minor);
}

/** The interface that the default route leaves by, or the first that is neither loopback nor a pod's. */
export function uplinkOf(host: HostFacts): LinkFact | undefined {
  const leaving = host.routes.find(({ kind, destination }) => kind === "unicast" && destination.length === 0);
  const pods = podLinks(host);
  return (
    linkOf(host, leaving?.nextHops[0]?.linkIndex ?? 0) ??
    host.links.find((link) => !link.loopback && link.up && !pods.includes(link))
  );
}

/** A pod as people call it, with its interface. */
export function podBehind(host: HostFacts, link: LinkFact): string {
  const pod = host.pods.get(link.name);
  return pod === undefined ? `the pod behind ${link.name}` : `pod ${pod} (${link.name})`;
}

/** The command that gives a pool this vxlanMode, and takes IPIP away. */
export function withMode({ name, ipipMode, vxlanMode }: PoolFact, mode: Encapsulation): string {
  const edits = [
    ...(ipipMode === "Never" ? [] : [`s/ipipMode: ${ipipMode}/ipipMode: Never/`]),
    `s/vxlanMode: ${vxlanMode}/vxlanMode: ${mode}/`,
  ];
  return `ocicat get ippool ${name} -o yaml | sed '${edits.join("; ")}' | ocicat apply -f -`;
}

/** Everybody's rules. */
export interface FirewallFacts {
  readonly tables: readonly ActualTable[];
  /** Those of iptables' old interface. */
  readonly legacy: readonly Table[];
  /** Of these, which are there and could not be read, with why. */
  readonly unread: readonly { readonly family: Family; readonly name: string; readonly why: string }[];
}

/** What came back to a question over the network. */
export type Answer =
  | { readonly came: "answer" }
  /** A reset: the peer is there, and nothing listens. */
  | { readonly came: "reset" }
  /** By ICMP, or from this host's own kernel: errno's name. */
  | { readonly came: "refusal"; readonly errno: string }
  | { readonly came: "nothing" };

/** What another node answered to. */
export interface PeerFact {
  readonly node: string;
  readonly address: Address;
  /** ICMP echo, to the node's address. */
  readonly echo: Answer;
  /** The same, as large as packets between the nodes' pods get, with the bit against fragments; `passes` is how large they may be. */
  readonly full: { readonly bytes: number; readonly answer: Answer; readonly passes: number } | undefined;
  /** The first segment of a TCP connection to BGP's port; undefined where there is to be no session. */
  readonly bgp: { readonly port: number; readonly state: string; readonly answer: Answer } | undefined;
  /** ICMP echo through each tunnel that routes to this node lead through, to the tunnel's other end. */
  readonly tunnels: readonly { readonly name: TunnelName; readonly answer: Answer }[];
}

/** Whether the node is there at all, by whatever it answered to. A reset is an answer, too. */
export function isReached({ echo, full, bgp, tunnels }: PeerFact): boolean {
  const answers = [echo, full?.answer, bgp?.answer, ...tunnels.map(({ answer }) => answer)];
  return answers.some((answer) => answer?.came === "answer" || answer?.came === "reset");
}

export function describeAnswer(answer: Answer): string {
  switch (answer.came) {
    case "answer":
      return "answered";
    case "reset":
      return "reset: nothing listens there, or a rule refuses it";
    case "refusal":
      return `refused (${answer.errno})`;
    case "nothing":
      return "no answer";
  }
}
