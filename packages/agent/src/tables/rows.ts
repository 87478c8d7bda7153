import { blockOwner, compileSelector, decodeBlock, type IPPool, type Node, type WorkloadEndpoint } from "@ocicat/api";
import { type QosControls, readQosControls } from "@ocicat/enforcement";
import type { IpamPool } from "@ocicat/ipam";
import { type Address, type Ipv4, type Ipv6, Prefix, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import {
  type BlockRow,
  type EndpointRow,
  type NodeRow,
  type NodeTunnels,
  type OwnAddress,
  type PoolRow,
  TUNNEL_KINDS,
  type TunnelKind,
  type VxlanEnd,
} from "@ocicat/routing";

/** The forms that resolvers work with, made from resources: addresses are numbers here, and only what is needed is kept. */

/** A pool as routing and allocation want it. */
export interface AgentPoolRow extends PoolRow {
  readonly allocation: Omit<IpamPool, "selectsNode">;
  /** Whether its node selector matches a node with these labels. */
  readonly selects: (labels: Readonly<Record<string, string>>) => boolean;
  /** The same of its namespace selector; undefined: it is for pods of all namespaces. */
  readonly selectsNamespace: ((labels: Readonly<Record<string, string>>) => boolean) | undefined;
}

export function poolRow(pool: IPPool): AgentPoolRow {
  const { blockSize, assignmentMode, allowedUses, nodeSelector, namespaceSelector } = pool.spec;
  const prefix = parsePrefix(pool.spec.cidr);
  return {
    allocation: {
      name: pool.metadata.name,
      prefix,
      blockSize,
      disabled: pool.spec.disabled,
      assignmentMode,
      allowedUses,
    },
    selects: compileSelector(nodeSelector).matches,
    selectsNamespace: namespaceSelector ? compileSelector(namespaceSelector).matches : undefined,
    name: pool.metadata.name,
    cidr: prefix,
    ipipMode: pool.spec.ipipMode,
    vxlanMode: pool.spec.vxlanMode,
    natOutgoing: pool.spec.natOutgoing,
    disabled: pool.spec.disabled,
    disableBgpExport: pool.spec.disableBGPExport,
  };
}

export interface AgentNodeRow extends NodeRow {
  readonly labels: Readonly<Record<string, string>>;
  /** All that it says to have, each once; not its tunnels'. */
  readonly addresses: readonly Address[];
  /** The tunnels that the node says it sends by; undefined: it says nothing of it, as Calico's nodes. */
  readonly sendsBy: ReadonlySet<TunnelKind> | undefined;
  readonly backend: string | undefined;
}

/** By which tunnels a node sends, comma-separated: said before the first packet and until after the last. */
export const SENDS_BY = "ocicat.io/sends-by";
/** The node's networking backend, for those who look from outside. */
export const BACKEND = "ocicat.io/backend";

export function nodeRow(node: Node): AgentNodeRow {
  const { ipv4Address, ipv6Address } = node.spec.bgp ?? {};
  const [ipv4, ipv6] = [ownAddress(ipv4Address), ownAddress(ipv6Address)];
  return {
    labels: node.metadata.labels ?? {},
    name: node.metadata.name,
    ipv4,
    ipv6,
    addresses: addressesOf(node, [ipv4, ipv6]),
    asNumber: node.spec.bgp?.asNumber,
    routeReflectorClusterId: node.spec.bgp?.routeReflectorClusterID || undefined,
    tunnels: nodeTunnels(node),
    sendsBy: sendsBy(node.metadata.annotations?.[SENDS_BY]),
    backend: node.metadata.annotations?.[BACKEND],
  };
}

/** A host's name among them is none (Kubernetes' Hostname and InternalDNS are no addresses). */
function addressesOf({ spec }: Node, own: readonly (OwnAddress | undefined)[]): readonly Address[] {
  const told = (spec.addresses ?? []).flatMap(({ address }) => ownAddress(address) ?? []);
  return [...new Set([...own, ...told].flatMap((each) => each?.address ?? []))];
}

function nodeTunnels({ spec }: Node): NodeTunnels {
  return {
    ipip: ipv4(spec.bgp?.ipv4IPIPTunnelAddr),
    vxlan: vxlanEnd(ipv4(spec.ipv4VXLANTunnelAddr), spec.vxlanTunnelMACAddr),
    vxlan6: vxlanEnd(ipv6(spec.ipv6VXLANTunnelAddr), spec.vxlanTunnelMACAddrV6),
  };
}

function ipv4(text: string | undefined): Ipv4 | undefined {
  const address = text ? parseAddress(text) : undefined;
  return typeof address === "number" ? address : undefined;
}

function ipv6(text: string | undefined): Ipv6 | undefined {
  const address = text ? parseAddress(text) : undefined;
  return typeof address === "bigint" ? address : undefined;
}

function vxlanEnd(address: Ipv4 | Ipv6 | undefined, mac: string | undefined): VxlanEnd | undefined {
  return address === undefined || !mac ? undefined : { address, mac: parseMac(mac) };
}

function sendsBy(text: string | undefined): ReadonlySet<TunnelKind> | undefined {
  if (text === undefined) return undefined;
  const said = new Set(text.split(","));
  return new Set(TUNNEL_KINDS.filter((kind) => said.has(kind)));
}

/** Where a block's addresses are; undefined for a block that is being deleted. */
export function blockRow(key: string, value: string): BlockRow | undefined {
  const block = decodeBlock(key, value);
  if (block.deleted) return undefined;
  const affinity = blockOwner(block);
  const owner = affinity?.type === "host" ? affinity.name : undefined;
  const elsewhere = (block.attributes ?? []).map(({ secondary }) =>
    secondary["node"] === undefined || secondary["node"] === owner ? undefined : secondary["node"],
  );
  const borrowed = block.allocations.flatMap((index, ordinal) => {
    const node = index === null ? undefined : elsewhere[index];
    return node === undefined ? [] : [{ prefix: Prefix.host(block.prefix.nth(ordinal)), node }];
  });
  return { prefix: block.prefix, node: owner, borrowed };
}

/** An endpoint as the agent keeps it: what routing wants, and what the plugin's verbs ask for. */
export interface AgentEndpointRow extends EndpointRow {
  readonly key: string;
  readonly node: string;
  readonly containerId: string | undefined;
  readonly mac: string | undefined;
  /** What it asks to send from besides its own addresses. */
  readonly allowedSources: readonly Prefix[];
  /** Undefined: nothing is limited. */
  readonly qos: QosControls | undefined;
}

export function endpointRow(key: string, endpoint: WorkloadEndpoint): AgentEndpointRow {
  const { metadata, spec } = endpoint;
  const workload = spec.pod ?? spec.workload ?? spec.containerID ?? metadata.name;
  return {
    key,
    id: `${metadata.namespace ?? ""}/${metadata.name}`,
    workload: `${metadata.namespace ?? ""}/${workload}`,
    node: spec.node,
    interfaceName: spec.interfaceName ?? "",
    addresses: (spec.ipNetworks ?? []).map((network) => parsePrefix(network).address),
    containerId: spec.containerID,
    mac: spec.mac,
    allowedSources: (spec.allowSpoofedSourcePrefixes ?? []).map((text) => parsePrefix(text, { hostBits: "clear" })),
    qos: readQosControls(spec.qosControls),
  };
}

/** address/length; without a length the address is all of its subnet. */
function ownAddress(text: string | undefined): OwnAddress | undefined {
  if (text === undefined || text === "") return undefined;
  const [head = "", length] = text.split("/");
  const address = parseAddress(head);
  return { address, subnet: length === undefined ? Prefix.host(address) : Prefix.of(address, Number(length)) };
}
