import type { PeerConfig, PeerStatus, Policy } from "@ocicat/bgp";
import type { Origin, ResourceRef } from "@ocicat/kit";
import { type Address, familyOf, formatAddress } from "@ocicat/net";
import type { MeshPeer, PeerSession } from "@ocicat/routing";
import { meshPeerName, peerConfig } from "./mesh.ts";

/** A session of this node's, and why it is there. */
export interface Session {
  readonly name: string;
  /** As calicoctl prints it. */
  readonly type: "node-to-node mesh" | PeerSession["scope"];
  /** The peer's name, if it is a node of ours. */
  readonly node: string | undefined;
  readonly remoteAddress: Address;
  readonly remoteAs: number;
  readonly config: PeerConfig;
  /** Why it is not held; undefined: it is. */
  readonly refused: string | undefined;
  readonly origin: Origin;
}

/** The whole of a node's sessions: of several to one address the one that a person asked for goes before the mesh's. */
export function sessionsOf(
  mesh: readonly MeshPeer[],
  meshPort: (node: string) => number,
  peers: readonly PeerSession[],
  exportPolicy: Policy,
): Session[] {
  const asked = new Set(peers.map(({ remoteAddress }) => remoteAddress));
  return [
    ...mesh
      .filter(({ remoteAddress }) => !asked.has(remoteAddress))
      .map((peer) => meshSession(peer, meshPort(peer.node), exportPolicy)),
    ...peers.map((peer) => peerSession(peer, exportPolicy)),
  ];
}

function meshSession(peer: MeshPeer, remotePort: number, exportPolicy: Policy): Session {
  const { node, remoteAddress, remoteAs, origin } = peer;
  const config = { ...peerConfig(peer), remotePort, exportPolicy };
  return {
    name: meshPeerName(peer),
    type: "node-to-node mesh",
    node,
    remoteAddress,
    remoteAs,
    config,
    refused: undefined,
    origin,
  };
}

function peerSession(peer: PeerSession, exportPolicy: Policy): Session {
  const { name, scope, node, remoteAddress, remoteAs, refused, origin } = peer;
  const config: PeerConfig = {
    name,
    remoteAddress,
    remotePort: peer.remotePort,
    localAddress: peer.localAddress,
    localAs: peer.localAs,
    remoteAs,
    passive: peer.passive,
    families: [familyOf(remoteAddress)],
    nextHopMode: peer.nextHop,
    allowedOwnAs: peer.allowedOwnAs,
    keepaliveS: peer.keepaliveS,
    gracefulRestart: { mode: "full", restartTimeS: peer.restartTimeS },
    exportPolicy,
  };
  return { name, type: scope, node, remoteAddress, remoteAs, config, refused, origin };
}

/** Who a route came from, as people call it: `node2 (192.168.0.82)`, `rack-tor (192.168.0.1)`. */
export function describeSession(session: Session): string {
  return `${session.node ?? peeringOf(session)?.name ?? "a peer"} (${formatAddress(session.remoteAddress)})`;
}

/** The BGPPeer that a session follows from. */
export function peeringOf({ origin }: Session): ResourceRef | undefined {
  return origin.resources.find(({ kind }) => kind === "BGPPeer");
}

/** What `ocicat node status` and the lab ask for. */
export function sessionReport({ type, node }: Session, status: PeerStatus) {
  return {
    name: status.name,
    address: formatAddress(status.remoteAddress),
    as: status.remoteAs,
    type,
    node,
    state: status.state as string,
    since: new Date(status.since).toISOString(),
    info: status.info,
    lastError: status.lastError,
    received: status.received,
    advertised: status.advertised,
    stale: status.stale,
    updatesIn: status.updatesIn,
    updatesOut: status.updatesOut,
  };
}

/** The same of a session that is not held. `since`: milliseconds since 1970. */
export function refusedReport(session: Session, since: number): ReturnType<typeof sessionReport> {
  const { name, remoteAddress, remoteAs, refused = "" } = session;
  const status = { name, remoteAddress, remoteAs, state: "Idle", since, info: refused, lastError: refused } as const;
  const nothing = { received: 0, accepted: 0, advertised: 0, stale: 0, updatesIn: 0, updatesOut: 0 };
  return sessionReport(session, { ...status, ...nothing, negotiated: undefined });
}
