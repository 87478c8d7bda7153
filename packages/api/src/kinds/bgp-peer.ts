import { type Address, familyOf, formatAddress, parseAddress, parseScoped, type ScopedAddress } from "@ocicat/net";
import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  accept,
  address,
  asNumber,
  assumed,
  choice,
  duration,
  flag,
  type Infer,
  integer,
  list,
  nodeName,
  object,
  optional,
  refuse,
  type ScalarSchema,
  text,
} from "../schema/index.ts";
import { selector } from "../selector/index.ts";
import { bgpPassword } from "./bgp-password.ts";

const spec = object(
  {
    node: optional(nodeName(), ""),
    nodeSelector: optional(selector(), ""),
    peerIP: optional(peerAddress(), ""),
    asNumber: optional(asNumber(), 0),
    localASNumber: optional(asNumber(), 0),
    peerSelector: optional(selector(), ""),
    keepOriginalNextHop: optional(flag(), false),
    nextHopMode: assumed(choice("Auto", "Self", "Keep"), "Auto"),
    password: optional(bgpPassword),
    sourceAddress: assumed(choice("UseNodeIP", "None"), "UseNodeIP"),
    maxRestartTime: optional(duration()),
    keepaliveTime: optional(duration()),
    numAllowedLocalASNumbers: optional(integer(0, 0x7fff_ffff)),
    ttlSecurity: optional(integer(0, 255)),
    reachableBy: optional(address(), ""),
    filters: optional(list(text()), []),
    localWorkloadSelector: optional(selector(), ""),
    reversePeering: assumed(choice("Auto", "Manual"), "Auto"),
  },
  {
    node: "The node that peers; without it and nodeSelector all of them.",
    nodeSelector: "The nodes that peer, by their labels.",
    peerIP:
      "The peer's address, with a port if it is not 179: 10.0.0.1:1790, [fd00::1]:1790; with an interface if it is link-local: fe80::1%eth1.",
    asNumber: "The peer's AS number.",
    localASNumber: "The AS number that the node shows this peer; its own unless told.",
    peerSelector: "Peer with the nodes that have these labels, in place of peerIP and asNumber.",
    keepOriginalNextHop: "The older form of nextHopMode: Keep, for peers of another AS.",
    nextHopMode: "What next hop the node gives: itself, the one it learned, or as BGP's rules have it (Auto).",
    password: "The TCP MD5 password (RFC 2385) of the session.",
    sourceAddress: "Speak from the node's own address (UseNodeIP), or from what the kernel picks (None).",
    maxRestartTime: "How long the peer's routes stay while it restarts (RFC 4724).",
    keepaliveTime: "How often a keepalive is sent.",
    numAllowedLocalASNumbers: "How often the node's own AS number may stand in a path that it accepts.",
    ttlSecurity: "Accept packets from peers at most this many hops away only (RFC 5082), 1 to 255; 0 is off.",
    reachableBy: "The gateway that the peer lies behind, of the same family.",
    filters: "BGPFilters to apply, by name, in this order.",
    localWorkloadSelector: "Peer with the node's own workloads that have these labels.",
    reversePeering:
      "Whether nodes that peerSelector means peer back of their own accord (Auto), or are told to (Manual).",
  },
);

export interface BGPPeerSpec extends Infer<typeof spec> {}
/** Whom which nodes speak BGP with, besides the mesh between nodes. */
export type BGPPeer = Resource<BGPPeerSpec, unknown, "BGPPeer">;

export const bgpPeer = defineKind<BGPPeer>({
  kind: "BGPPeer",
  description: "Whom which nodes speak BGP with, besides the mesh between nodes.",
  plural: "bgppeers",
  aliases: ["bgpp", "bgpps", "bp", "bps"],
  namespaced: false,
  spec,
  rules: {
    "node and nodeSelector exclude each other.": checkNodes,
    "peerSelector excludes peerIP and asNumber.": checkPeer,
    "localWorkloadSelector excludes peerIP and peerSelector, and needs asNumber.": checkWorkloads,
    "keepOriginalNextHop and nextHopMode exclude each other.": checkNextHop,
    "reachableBy needs peerIP, of the same family.": checkReachableBy,
  },
  example: { name: "rack-1-tor", spec: { nodeSelector: "rack == 'r1'", peerIP: "192.168.10.1", asNumber: 64513 } },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "PEERIP", cell: ({ spec }) => spec.peerIP ?? "" },
    { heading: "NODE", cell: ({ spec }) => spec.node ?? spec.nodeSelector ?? "(global)" },
    { heading: "ASN", cell: ({ spec }) => String(spec.asNumber ?? 0) },
  ],
});

/** A peer's address, and its port if it is not the usual one. */
export interface PeerEndpoint {
  readonly address: Address;
  /** The interface that a link-local address is on; undefined: it has none. */
  readonly link: string | undefined;
  readonly port: number | undefined;
}

/** `address`, `address:port` for IPv4, `[address]:port` for IPv6, which may have a link: `fe80::1%eth1`; undefined for anything else. */
export function parsePeerIP(value: string): PeerEndpoint | undefined {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const host = attempt(six ?? four ?? value);
  if (host === undefined || (six !== undefined && familyOf(host.address) !== 6)) return undefined;
  return { ...host, port };
}

function peerAddress(): ScalarSchema<string> {
  return text("an IP address, or one with a port: 10.0.0.1:179, [fd00::1]:179, fe80::1%eth1", (value) =>
    parsePeerIP(value) === undefined ? refuse("peer-ip") : accept(value),
  );
}

function attempt(value: string): ScopedAddress | undefined {
  try {
    return parseScoped(value);
  } catch {
    return undefined;
  }
}

function* checkNodes({ spec }: BGPPeer): Iterable<Problem> {
  if (spec.node === undefined || spec.nodeSelector === undefined) return;
  const message = "cannot be set beside spec.nodeSelector: a peering is of one node, or of those selected";
  yield { field: "spec.node", value: spec.node, rule: "node-selector", message };
}

function* checkPeer({ spec }: BGPPeer): Iterable<Problem> {
  if (spec.peerSelector === undefined) return;
  for (const name of ["peerIP", "asNumber"] as const) {
    if (spec[name] === undefined) continue;
    const message = "cannot be set beside spec.peerSelector: the nodes selected have their own";
    yield { field: `spec.${name}`, value: spec[name], rule: "peer-selector", message };
  }
}

function* checkWorkloads({ spec }: BGPPeer): Iterable<Problem> {
  if (spec.localWorkloadSelector === undefined) return;
  for (const name of ["peerIP", "peerSelector"] as const) {
    if (spec[name] === undefined) continue;
    const message = "cannot be set beside spec.localWorkloadSelector: the workloads selected are the peers";
    yield { field: `spec.${name}`, value: spec[name], rule: "workload-selector", message };
  }
  if (spec.asNumber !== undefined) return;
  const message = "is needed with spec.localWorkloadSelector: a workload has no AS number of its own";
  yield { field: "spec.asNumber", value: undefined, rule: "required", message };
}

function* checkNextHop({ spec }: BGPPeer): Iterable<Problem> {
  if (spec.keepOriginalNextHop !== true || spec.nextHopMode === undefined) return;
  const message = "cannot be set beside spec.keepOriginalNextHop, its older form";
  yield { field: "spec.nextHopMode", value: spec.nextHopMode, rule: "next-hop", message };
}

function* checkReachableBy({ spec }: BGPPeer): Iterable<Problem> {
  const { reachableBy, peerIP } = spec;
  if (reachableBy === undefined) return;
  const peer = peerIP === undefined ? undefined : parsePeerIP(peerIP);
  const field = "spec.reachableBy";
  if (peer === undefined) {
    const message = "cannot be set without spec.peerIP, whose gateway it is";
    yield { field, value: reachableBy, rule: "reachable-by", message };
  } else if (familyOf(parseAddress(reachableBy)) !== familyOf(peer.address)) {
    const message = `is of another family than the peer, ${formatAddress(peer.address)}`;
    yield { field, value: reachableBy, rule: "family", message };
  }
}
