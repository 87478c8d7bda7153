import type { ConnectionSecurity, PeerConfig, PeerStatus, Policy } from "@ocicat/bgp";
import { describeOrigin, type Origin, type ResourceRef } from "@ocicat/kit";
import {
  type Address,
  type Family,
  familyOf,
  formatAddress,
  formatScoped,
  ipv4,
  isLinkLocal,
  parseAddress,
} from "@ocicat/net";
import type { BfdTimers, MeshPeer, PeerSession, SecretRef } from "@ocicat/routing";
import { meshPeerName } from "./mesh.ts";
import type { SecretAnswer } from "./secrets.ts";

/** A session of this node's, and why it is there. */
export interface Session {
  readonly name: string;
  /** As calicoctl prints it. */
  readonly type: "node-to-node mesh" | PeerSession["scope"];
  /** The peer's name, if it is a node of ours. */
  readonly node: string | undefined;
  readonly remoteAddress: Address;
  /** The interface that the peer is on, where its address is link-local. */
  readonly link: string | undefined;
  /** The peer is whoever is at the other end of `link`. */
  readonly unnumbered: boolean;
  readonly remoteAs: number;
  readonly config: PeerConfig;
  /** The gateway that the peer lies behind, where it was named. */
  readonly reachableBy: Address | undefined;
  /** BGPFilters, by name. */
  readonly filters: readonly string[];
  readonly bfd: BfdTimers | undefined;
  /** Why it is not held; undefined: it is. */
  readonly refused: string | undefined;
  readonly origin: Origin;
}

/** What sessions need besides the resources that ask for them. */
export interface SessionSettings {
  /** Where a node of the mesh listens. */
  readonly portOf: (node: string) => number;
  readonly meshPassword: SecretRef | undefined;
  /** Seconds; undefined: the speaker's. */
  readonly meshRestartTimeS: number | undefined;
  readonly meshBfd: BfdTimers | undefined;
  readonly secret: (ref: SecretRef) => SecretAnswer;
  readonly policies: {
    importing(filters: readonly string[], family: Family | "both"): Policy;
    exporting(filters: readonly string[], family: Family | "both"): Policy;
  };
}

const DEFAULT_RESTART_S = 120;

/** The whole of a node's sessions: of several to one address the one that a person asked for goes before the mesh's. */
export function sessionsOf(
  mesh: readonly MeshPeer[],
  peers: readonly PeerSession[],
  settings: SessionSettings,
): Session[] {
  const asked = new Set(peers.flatMap(({ remoteAddress, link }) => (link === undefined ? [remoteAddress] : [])));
  return [
    ...mesh.filter(({ remoteAddress }) => !asked.has(remoteAddress)).map((peer) => meshSession(peer, settings)),
    ...peers.map((peer) => peerSession(peer, settings)),
  ];
}

function meshSession(peer: MeshPeer, settings: SessionSettings): Session {
  const { node, localAddress, remoteAddress, remoteAs, passive, origin } = peer;
  const name = meshPeerName(peer);
  const protection = protectionOf(settings.meshPassword, undefined, settings);
  const config: PeerConfig = {
    name,
    remoteAddress,
    remotePort: settings.portOf(node),
    localAddress,
    remoteAs,
    passive,
    gracefulRestart: { mode: "full", restartTimeS: settings.meshRestartTimeS ?? DEFAULT_RESTART_S },
    security: protection.security,
    ...ofFamily(familyOf(remoteAddress), [], settings),
  };
  const type = "node-to-node mesh";
  const { refused } = protection;
  const rest = { link: undefined, unnumbered: false, reachableBy: undefined, filters: [], bfd: settings.meshBfd };
  return { name, type, node, remoteAddress, remoteAs, config, refused, origin, ...rest };
}

function peerSession(peer: PeerSession, settings: SessionSettings): Session {
  const { name, scope, node, remoteAddress, link, unnumbered, remoteAs, clusterId, origin } = peer;
  const protection = protectionOf(peer.password, peer.mostHops, settings);
  const config: PeerConfig = {
    name,
    remoteAddress,
    link,
    remotePort: peer.remotePort,
    localAddress: peer.localAddress,
    localAs: peer.localAs,
    remoteAs,
    passive: peer.passive,
    nextHopMode: peer.nextHop,
    allowedOwnAs: peer.allowedOwnAs,
    keepaliveS: peer.keepaliveS,
    gracefulRestart: { mode: "full", restartTimeS: peer.restartTimeS ?? DEFAULT_RESTART_S },
    clusterId: clusterId === undefined ? undefined : clusterNumber(clusterId),
    reflectorClient: peer.reflectorClient,
    security: protection.security,
    ...(link === undefined
      ? ofFamily(familyOf(remoteAddress), peer.filters, settings)
      : ofBoth(peer.filters, settings)),
  };
  const refused = peer.refused ?? protection.refused;
  const { reachableBy, filters, bfd } = peer;
  const end = { remoteAddress, link, unnumbered };
  return { name, type: scope, node, ...end, remoteAs, config, reachableBy, filters, bfd, refused, origin };
}

/** As with Calico's two daemons, a session carries the routes of the family that it runs over. */
function ofFamily(family: Family, filters: readonly string[], { policies }: SessionSettings) {
  return {
    families: [family],
    importPolicy: policies.importing(filters, family),
    exportPolicy: policies.exporting(filters, family),
  };
}

/** On a link there is one session for both, and routes of IPv4 have the link-local next hop too (RFC 8950). */
function ofBoth(filters: readonly string[], { policies }: SessionSettings) {
  return {
    families: [4, 6] as const,
    extendedNextHop: true,
    importPolicy: policies.importing(filters, "both"),
    exportPolicy: policies.exporting(filters, "both"),
  };
}

/** The cluster identifier's 32 bits; Calico takes no others. */
function clusterNumber(text: string) {
  const address = parseAddress(text);
  return ipv4(typeof address === "number" ? address : 0);
}

interface Protection {
  readonly security: ConnectionSecurity | undefined;
  /** A session without what was asked for would be less than was asked for. */
  readonly refused: string | undefined;
}

function protectionOf(
  ref: SecretRef | undefined,
  mostHops: number | undefined,
  { secret }: SessionSettings,
): Protection {
  const answer = ref === undefined ? undefined : secret(ref);
  if (answer !== undefined && "missing" in answer && ref?.optional !== true)
    return { security: undefined, refused: `its password is missing: ${answer.missing}` };
  const password = answer !== undefined && "value" in answer ? answer.value : undefined;
  // RFC 5082: what was sent with 255 has lost one for each router on its way.
  const hops = mostHops === undefined ? {} : { ttl: 255, minTtl: 256 - mostHops };
  const security = password === undefined && mostHops === undefined ? undefined : { password, ...hops };
  return { security, refused: undefined };
}

/** Who a route came from, as people call it: `node2 (192.168.0.82)`, `rack-tor (192.168.0.1)`. */
export function describeSession(session: Session): string {
  return `${session.node ?? peeringOf(session)?.name ?? "a peer"} (${formatEnd(session)})`;
}

/** `10.0.0.1`, `fe80::1%eth1`; of a neighbour that is not known yet `eth1`. */
export function formatEnd({ remoteAddress: address, link }: Pick<Session, "remoteAddress" | "link">): string {
  return link !== undefined && !isLinkLocal(address) ? link : formatScoped({ address, link });
}

/** The BGPPeer that a session follows from. */
export function peeringOf({ origin }: Session): ResourceRef | undefined {
  return origin.resources.find(({ kind }) => kind === "BGPPeer");
}

/** What `ocicat node status` and the lab ask for. */
export function sessionReport({ type, node, origin }: Pick<Session, "type" | "node" | "origin">, status: PeerStatus) {
  return {
    name: status.name,
    reason: describeOrigin(origin),
    address: formatEnd(status),
    as: status.remoteAs,
    type,
    node,
    state: status.state as string,
    since: new Date(status.since).toISOString(),
    info: status.info,
    lastError: status.lastError,
    received: status.received,
    accepted: status.accepted,
    advertised: status.advertised,
    stale: status.stale,
    updatesIn: status.updatesIn,
    updatesOut: status.updatesOut,
    negotiated: termsOf(status),
    /** The state of BFD, where it is asked for. */
    bfd: undefined as string | undefined,
  };
}

type Negotiated = NonNullable<PeerStatus["negotiated"]>;
type Basic = "holdTimeS" | "keepaliveS" | "families" | "fourOctetAs" | "routeRefresh" | "gracefulRestart";

/** What both sides have agreed on; of another daemon's sessions not all is known. */
export type Terms = Pick<Negotiated, Basic> &
  Partial<Omit<Negotiated, Basic | "routerId">> & { readonly routerId: string };

function termsOf({ negotiated }: PeerStatus): Terms | undefined {
  return negotiated && { ...negotiated, routerId: formatAddress(negotiated.routerId) };
}

export type SessionReport = ReturnType<typeof sessionReport>;

/** The same of a session that is not held. `since`: milliseconds since 1970. */
export function refusedReport(
  session: Pick<Session, "name" | "type" | "node" | "origin" | "remoteAddress" | "link" | "remoteAs" | "refused">,
  since: number,
): SessionReport {
  const { name, remoteAddress, link, remoteAs, refused = "" } = session;
  const status = {
    name,
    remoteAddress,
    link,
    remoteAs,
    state: "Idle",
    since,
    info: refused,
    lastError: refused,
    trouble: undefined,
  } as const;
  const nothing = { received: 0, accepted: 0, advertised: 0, stale: 0, updatesIn: 0, updatesOut: 0 };
  return sessionReport(session, { ...status, ...nothing, negotiated: undefined });
}
