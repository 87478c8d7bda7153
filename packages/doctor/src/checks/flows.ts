import { type Address, formatAddress, type Prefix } from "@ocicat/net";
import { CT_STATES, type Hook, type PacketFacts } from "@ocicat/nftables";
import { TUNNELS } from "@ocicat/routing";
import {
  type ClusterFacts,
  type ClusterNode,
  type HostFacts,
  linkOf,
  linkWith,
  type NodeAddressFact,
  podLinks,
  selfIn,
  tunnelsUp,
} from "../facts.ts";
import type { Traffic } from "../finding.ts";

/** A packet that must pass here, where, and how a rule says "such packets". */
export interface Flow {
  readonly traffic: Traffic;
  readonly packet: PacketFacts;
  /** In the order in which the packet comes by. */
  readonly hooks: readonly Hook[];
  /** In nft's language. */
  readonly nft: string;
  /** In iptables'. */
  readonly iptables: string;
}

const TCP = 6;
const UDP = 17;
const IPIP = 4;
const VXLAN_PORT = 4789;
/** What a client's port is like; a firewall that looks at it is about something else. */
const CLIENT_PORT = 40_000;

/**
 * Examples of what must pass on this node: BGP to and from another node, the outer packets of its tunnels, and packets of
 * its pods. One of each is enough: rules tell them apart by interface, port and range, and not by the single address.
 */
export function flowsOf(host: HostFacts, cluster: ClusterFacts, node: string): readonly Flow[] {
  const self = selfIn(cluster, node);
  return (["ipv4", "ipv6"] as const).flatMap((family) => {
    const own = self?.[family];
    const other = cluster.nodes.find((row) => row.name !== node && row[family] !== undefined);
    const its = other?.[family];
    if (self === undefined || own === undefined || its === undefined) return [];
    const underlay = linkWith(host, own.address)?.name;
    if (underlay === undefined) return [];
    return [
      ...nodeFlows(self, own.address, its.address, underlay, host, cluster.bgpPort),
      ...podFlows(own, underlay, host, cluster),
    ];
  });
}

function nodeFlows(
  self: ClusterNode,
  own: Address,
  its: Address,
  underlay: string,
  host: HostFacts,
  bgpPort: number,
): readonly Flow[] {
  const family = typeof own === "number" ? 4 : 6;
  const used = tunnelsUp(host).filter((name) => TUNNELS[name].family === family);
  const comes = { source: its, destination: own, incoming: underlay, outgoing: "" };
  const goes = { source: own, destination: its, incoming: "", outgoing: underlay };
  const both = (traffic: Traffic, matches: Match): readonly Flow[] => [
    { traffic, packet: { ...comes, ...matches.packet, mark: 0 }, hooks: ["prerouting", "input"], ...matches.rule },
    { traffic, packet: { ...goes, ...matches.packet, mark: 0 }, hooks: ["output", "postrouting"], ...matches.rule },
  ];
  return [
    ...(self.backend === "bird" ? [...both("bgp", toPort(TCP, bgpPort)), ...both("bgp", fromPort(TCP, bgpPort))] : []),
    ...(used.includes("vxlan") || used.includes("vxlan6") ? both("vxlan", toPort(UDP, VXLAN_PORT)) : []),
    ...(used.includes("ipip") ? both("ipip", ipip()) : []),
  ];
}

interface Match {
  readonly packet: Pick<PacketFacts, "protocol" | "sourcePort" | "destinationPort" | "state">;
  readonly rule: Pick<Flow, "nft" | "iptables">;
}

const NAMES = { [TCP]: "tcp", [UDP]: "udp" } as const;

function toPort(protocol: typeof TCP | typeof UDP, port: number): Match {
  const name = NAMES[protocol];
  return {
    packet: { protocol, sourcePort: CLIENT_PORT, destinationPort: port, state: CT_STATES.new },
    rule: { nft: `${name} dport ${port}`, iptables: `-p ${name} --dport ${port}` },
  };
}

/** The answers of such a connection. */
function fromPort(protocol: typeof TCP, port: number): Match {
  const name = NAMES[protocol];
  return {
    packet: { protocol, sourcePort: port, destinationPort: CLIENT_PORT, state: CT_STATES.established },
    rule: { nft: `${name} sport ${port}`, iptables: `-p ${name} --sport ${port}` },
  };
}

function ipip(): Match {
  return {
    packet: { protocol: IPIP, state: CT_STATES.new },
    rule: { nft: "ip protocol 4", iptables: "-p 4" },
  };
}

/** From a pod of this node to one elsewhere, and back; a first packet of a connection either way. */
function podFlows(own: NodeAddressFact, underlay: string, host: HostFacts, cluster: ClusterFacts): readonly Flow[] {
  const { family } = own.subnet;
  const inPool = (prefix: Prefix) =>
    prefix.family === family && cluster.pools.some(({ cidr, disabled }) => !disabled && cidr.covers(prefix));
  const links = podLinks(host);
  const pod = host.routes.find(
    ({ destination, nextHops }) =>
      destination.isHost && inPool(destination) && links.some(({ index }) => index === nextHops[0]?.linkIndex),
  );
  const away = host.routes.find(
    ({ destination, nextHops }) => !destination.isHost && inPool(destination) && nextHops[0]?.via !== undefined,
  );
  if (pod === undefined || away === undefined) return [];
  const behind = linkOf(host, pod.nextHops[0]?.linkIndex ?? 0)?.name ?? "";
  const wire = linkOf(host, away.nextHops[0]?.linkIndex ?? 0)?.name ?? underlay;
  const [here, there] = [pod.destination.address, away.destination.nth(1)];
  const rest = { protocol: TCP, sourcePort: CLIENT_PORT, destinationPort: 80, state: CT_STATES.new, mark: 0 } as const;
  const hooks = ["prerouting", "forward", "postrouting"] as const;
  const prefix = host.interfacePrefixes[0] ?? "cali";
  return [
    {
      traffic: "pods",
      packet: { source: here, destination: there, incoming: behind, outgoing: wire, ...rest },
      hooks,
      nft: `iifname "${prefix}*"`,
      iptables: `-i ${prefix}+`,
    },
    {
      traffic: "pods",
      packet: { source: there, destination: here, incoming: wire, outgoing: behind, ...rest },
      hooks,
      nft: `oifname "${prefix}*"`,
      iptables: `-o ${prefix}+`,
    },
  ];
}

/** For people: `from 10.244.1.1 to 10.244.2.1`. */
export function describePacket({ source, destination }: PacketFacts): string {
  return `from ${formatAddress(source)} to ${formatAddress(destination)}`;
}
