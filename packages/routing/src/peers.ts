import type { Origin } from "@ocicat/kit";
import {
  type Address,
  compareAddresses,
  type Family,
  familyOf,
  formatScoped,
  type Ipv6,
  ipv6,
  isLinkLocal,
} from "@ocicat/net";
import type { NodeRow } from "./inputs.ts";
import { isPassive } from "./mesh.ts";

/** What routing needs of a BGPPeer. */
export interface PeerRow {
  readonly name: string;
  /** The nodes that have the peering: all of them, one by its name, or those whose labels match. */
  readonly nodes: "all" | { readonly name: string } | { readonly match: LabelMatch };
  /** Whom with: an address, the nodes whose labels match, or the node's own workloads whose labels match. */
  readonly peer:
    | {
        readonly address: Address;
        /** The interface, where that is link-local. */
        readonly link?: string | undefined;
        readonly port: number | undefined;
        readonly asNumber: number | undefined;
      }
    /** Whoever is at the other end of the link with this interface. */
    | { readonly neighbourOn: string; readonly asNumber: number | undefined }
    | { readonly match: LabelMatch }
    | { readonly workloads: LabelMatch; readonly asNumber: number };
  /** This end's AS number, where it is not the node's. */
  readonly localAsNumber: number | undefined;
  readonly nextHop: "auto" | "self" | "keep";
  /** Dial from the node's own address, and from no other. */
  readonly fromNodeAddress: boolean;
  /** How often the own AS number may be in an AS_PATH. */
  readonly allowedOwnAs: number;
  /** Seconds; undefined: the speaker's. */
  readonly keepaliveS: number | undefined;
  readonly restartTimeS: number | undefined;
  /** Nodes that are named as peers have the session as well, without a BGPPeer of their own. */
  readonly reversed: boolean;
  readonly password: SecretRef | undefined;
  /** Packets of the peer have come over at most so many hops (RFC 5082); undefined: nobody looks. */
  readonly mostHops: number | undefined;
  /** The peer lies behind this gateway. */
  readonly reachableBy: Address | undefined;
  /** BGPFilters, by name, in the order in which they are asked. */
  readonly filters: readonly string[];
  /** Whether packets reach the peer is watched; undefined: by BGP's hold time alone. */
  readonly bfd: BfdTimers | undefined;
}

/** RFC 5880: packets between two nodes, and how many may be lost in a row. */
export interface BfdTimers {
  readonly intervalMs: number;
  /** 1..255 */
  readonly multiplier: number;
}

/** Where a password is: a key of a secret. */
export interface SecretRef {
  readonly name: string;
  readonly key: string;
  /** Where it is not there the session goes without. */
  readonly optional: boolean;
}

export type LabelMatch = (labels: Readonly<Record<string, string>>) => boolean;

export interface PeerNode extends NodeRow {
  readonly labels: Readonly<Record<string, string>>;
}

export interface PeerSettings {
  /** BGPConfiguration default: asNumber. */
  readonly asNumber: number;
  /** Where a node listens. */
  readonly portOf: (node: string) => number;
  /** This node's workloads. */
  readonly workloads?: Iterable<PeerWorkload> | undefined;
  /** Who is at the other end of a link, or why that is not known. */
  readonly neighbourOn?: ((link: string) => Neighbour) | undefined;
}

/** A router that was heard on a link, or in words why there is none that can be taken for it. */
export type Neighbour = Ipv6 | { readonly unknown: string };

/** A workload of this node, as a peer. */
export interface PeerWorkload {
  /** As people call it: `default/web-1`. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: readonly Address[];
}

export type PeerScope = "global" | "node specific" | "local workload";

/** One session that a BGPPeer calls for on this node. */
export interface PeerSession {
  /** Calico's: `Global_10_0_0_1`, `Node_10_0_0_1`, `Local_Workload_10_244_1_2`. */
  readonly name: string;
  readonly scope: PeerScope;
  /** The peer's name, if it is a node of ours. */
  readonly node: string | undefined;
  /** Source of what we dial; undefined: the system's choice. */
  readonly localAddress: Address | undefined;
  /** Of a neighbour that is not known yet `::`. */
  readonly remoteAddress: Address;
  /** The interface that the peer is on, where its address is link-local. */
  readonly link: string | undefined;
  /** The peer is whoever is at the other end of `link`, and hears this node's router advertisements. */
  readonly unnumbered: boolean;
  readonly remotePort: number;
  readonly localAs: number;
  readonly remoteAs: number;
  /** Listen for this peer, do not dial it. */
  readonly passive: boolean;
  readonly nextHop: PeerRow["nextHop"];
  readonly allowedOwnAs: number;
  readonly keepaliveS: number | undefined;
  readonly restartTimeS: number | undefined;
  readonly password: SecretRef | undefined;
  readonly mostHops: number | undefined;
  readonly reachableBy: Address | undefined;
  readonly filters: readonly string[];
  readonly bfd: BfdTimers | undefined;
  /** The cluster that this node reflects for, where the peer is of its AS (RFC 4456). */
  readonly clusterId: string | undefined;
  /** The peer is a client of that cluster: it is no reflector of the same one. */
  readonly reflectorClient: boolean;
  /** Why the session must not be held; undefined: it may. */
  readonly refused: string | undefined;
  readonly origin: Origin;
}

/** A far end, before it is known what this end is. */
interface Far {
  readonly row: PeerRow;
  readonly scope: PeerScope;
  readonly node: PeerNode | undefined;
  readonly address: Address;
  readonly link?: string | undefined;
  /** At the other end of the link, whatever its address is. Why that is not known. */
  readonly neighbour?: { readonly unknown: string | undefined } | undefined;
  readonly port: number;
  readonly asNumber: number;
  readonly localAsNumber: number | undefined;
  readonly reason: string;
}

/**
 * The sessions that BGPPeers call for on `self`, as Calico has them: those of all nodes first, then those of nodes by name
 * or label, then those by which a node that is named as a peer answers. Of several to one address the first holds.
 */
export function peerSessions(
  self: PeerNode,
  nodes: Iterable<PeerNode>,
  peers: Iterable<PeerRow>,
  settings: PeerSettings,
): PeerSession[] {
  const cluster = { self, nodes: [...nodes], settings };
  const rows = [...peers].sort((a, b) => (a.name < b.name ? -1 : 1));
  const ours = rows.filter((row) => has(row, self)).flatMap((row) => farEnds(row, cluster));
  const answers = rows.filter((row) => row.reversed).flatMap((row) => callers(row, cluster));
  const ordered = [...ours.filter(isGlobal), ...ours.filter((far) => !isGlobal(far)), ...answers];
  const sessions = new Map<string, PeerSession>();
  for (const far of ordered) {
    const key = far.neighbour === undefined ? formatScoped({ link: undefined, ...far }) : `%${far.link}`;
    if (!sessions.has(key) && !isOwn(far.address, self)) sessions.set(key, session(far, cluster));
  }
  return [...sessions.values()];
}

interface Cluster {
  readonly self: PeerNode;
  readonly nodes: readonly PeerNode[];
  readonly settings: PeerSettings;
}

const isGlobal = ({ scope }: Far) => scope === "global";

function has({ nodes }: PeerRow, node: PeerNode): boolean {
  if (nodes === "all") return true;
  return "name" in nodes ? nodes.name === node.name : nodes.match(node.labels);
}

/** Whom a BGPPeer that this node has names. */
function farEnds(row: PeerRow, { nodes, settings }: Cluster): Far[] {
  const scope = row.nodes === "all" ? "global" : "node specific";
  const reason = `BGPPeer ${row.name}`;
  const { localAsNumber, peer } = row;
  if ("workloads" in peer) {
    const end = { node: undefined, port: 179, asNumber: peer.asNumber, row, localAsNumber };
    return [...(settings.workloads ?? [])]
      .filter(({ labels }) => peer.workloads(labels))
      .flatMap(({ name, addresses }) =>
        addresses.map((address) => ({
          ...end,
          address,
          scope: "local workload" as const,
          reason: `${reason}, which names ${name}`,
        })),
      );
  }
  if ("match" in peer) {
    return nodes
      .filter(({ labels }) => peer.match(labels))
      .flatMap((node) => addressesOf(node).map((address) => ({ ...nodeEnd(node, settings), address })))
      .map((end) => ({ ...end, row, scope, localAsNumber, reason }));
  }
  if ("neighbourOn" in peer) return [neighbourEnd(row, scope, peer, settings)];
  const node = nodes.find((candidate) => isOwn(peer.address, candidate));
  const end = node === undefined ? { node, port: 179, asNumber: settings.asNumber } : nodeEnd(node, settings);
  const asNumber = peer.asNumber ?? end.asNumber;
  const { address, link } = peer;
  return [{ ...end, address, link, port: peer.port ?? end.port, asNumber, row, scope, localAsNumber, reason }];
}

const NOT_KNOWN = ipv6(0n);

function neighbourEnd(
  row: PeerRow,
  scope: PeerScope,
  { neighbourOn: link, asNumber }: { readonly neighbourOn: string; readonly asNumber: number | undefined },
  settings: PeerSettings,
): Far {
  const found = settings.neighbourOn?.(link) ?? { unknown: `nobody listens on ${link}` };
  const isKnown = typeof found === "bigint";
  return {
    row,
    scope,
    node: undefined,
    address: isKnown ? found : NOT_KNOWN,
    link,
    neighbour: { unknown: isKnown ? undefined : found.unknown },
    port: 179,
    asNumber: asNumber ?? settings.asNumber,
    localAsNumber: row.localAsNumber,
    reason: `BGPPeer ${row.name}, who is on ${link}`,
  };
}

/** The nodes that name this one as a peer. */
function callers(row: PeerRow, { self, nodes, settings }: Cluster): Far[] {
  const families = familiesOn(row, self, settings);
  if (families.length === 0) return [];
  return nodes
    .filter((node) => has(row, node))
    .flatMap((node) =>
      addressesOf(node)
        .filter((address) => families.includes(familyOf(address)))
        .map((address) => ({
          ...nodeEnd(node, settings),
          address,
          asNumber: row.localAsNumber ?? node.asNumber ?? settings.asNumber,
          row,
          scope: "node specific" as const,
          localAsNumber: undefined,
          reason: `BGPPeer ${row.name}, by which ${node.name} peers with this node`,
        })),
    );
}

/** The families in which a BGPPeer names `self` as the peer. */
function familiesOn({ peer }: PeerRow, self: PeerNode, settings: PeerSettings): Family[] {
  if ("workloads" in peer || "neighbourOn" in peer) return [];
  if ("match" in peer) return peer.match(self.labels) ? [4, 6] : [];
  const fits =
    isOwn(peer.address, self) &&
    (peer.asNumber ?? settings.asNumber) === (self.asNumber ?? settings.asNumber) &&
    (peer.port ?? settings.portOf(self.name)) === settings.portOf(self.name);
  return fits ? [familyOf(peer.address)] : [];
}

function nodeEnd(node: PeerNode, settings: PeerSettings) {
  return { node, port: settings.portOf(node.name), asNumber: node.asNumber ?? settings.asNumber };
}

function session(far: Far, { self, settings }: Cluster): PeerSession {
  const { row, scope, node, address, link, neighbour } = far;
  const family = familyOf(address);
  const own = (family === 4 ? self.ipv4 : self.ipv6)?.address;
  const localAs = far.localAsNumber ?? self.asNumber ?? settings.asNumber;
  const reflects = self.routeReflectorClusterId !== undefined && localAs === far.asNumber;
  return {
    name: `${NAMES[scope]}_${nameOf(far).replaceAll(/[.:%]/g, "_")}`,
    scope,
    node: node?.name,
    // On a link by itself the system takes its address there.
    localAddress: row.fromNodeAddress && link === undefined ? own : undefined,
    remoteAddress: address,
    link,
    unnumbered: neighbour !== undefined,
    remotePort: far.port,
    localAs,
    remoteAs: far.asNumber,
    // Of two nodes of ours one dials; who is named for single nodes, or is none of ours, may be waiting for us.
    passive: scope === "global" && node !== undefined && own !== undefined && isPassive(own, address),
    nextHop: row.nextHop,
    allowedOwnAs: row.allowedOwnAs,
    keepaliveS: row.keepaliveS,
    restartTimeS: row.restartTimeS,
    password: row.password,
    mostHops: row.mostHops,
    reachableBy: row.reachableBy,
    filters: row.filters,
    bfd: row.bfd,
    clusterId: reflects ? self.routeReflectorClusterId : undefined,
    reflectorClient: reflects && node?.routeReflectorClusterId !== self.routeReflectorClusterId,
    refused: objectionTo(far, self),
    origin: {
      reason: far.reason,
      resources: [
        { kind: "BGPPeer", name: row.name },
        ...(node === undefined ? [] : [{ kind: "Node", name: node.name }]),
      ],
    },
  };
}

/** Why the session must not be held, in words. */
function objectionTo({ address, link, neighbour }: Far, self: PeerNode): string | undefined {
  if (link !== undefined) return neighbour?.unknown;
  const text = formatScoped({ address, link });
  if (isLinkLocal(address)) return `${text} is link-local: its interface must be named as well, as in ${text}%eth1`;
  const family = familyOf(address);
  return (family === 4 ? self.ipv4 : self.ipv6) === undefined ? `${self.name} has no IPv${family} address` : undefined;
}

/** What people know it by: the interface, where the address is whatever the neighbour has. */
function nameOf({ address, link, neighbour }: Far): string {
  return neighbour === undefined || link === undefined ? formatScoped({ address, link }) : link;
}

const NAMES: Readonly<Record<PeerScope, string>> = {
  global: "Global",
  "node specific": "Node",
  "local workload": "Local_Workload",
};

function addressesOf({ ipv4, ipv6 }: NodeRow): Address[] {
  return [ipv4, ipv6].flatMap((own) => (own === undefined ? [] : [own.address]));
}

function isOwn(address: Address, node: NodeRow): boolean {
  return addressesOf(node).some((own) => compareAddresses(own, address) === 0);
}
