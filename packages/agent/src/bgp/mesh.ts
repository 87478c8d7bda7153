import type { BestChange, PeerConfig, PeerStatus, Speaker } from "@ocicat/bgp";
import { describeOrigin } from "@ocicat/kit";
import { familyOf, formatAddress } from "@ocicat/net";
import type { Announcement, LearnedRow, MeshPeer, RoutingChanges } from "@ocicat/routing";

/** Calico's name for a mesh session: `Mesh_192_168_0_82`. */
export function meshPeerName(peer: MeshPeer): string {
  return `Mesh_${formatAddress(peer.remoteAddress).replaceAll(/[.:]/g, "_")}`;
}

export function peerConfig(peer: MeshPeer): PeerConfig {
  return {
    name: meshPeerName(peer),
    remoteAddress: peer.remoteAddress,
    localAddress: peer.localAddress,
    remoteAs: peer.remoteAs,
    passive: peer.passive,
    families: [familyOf(peer.remoteAddress)],
    gracefulRestart: { mode: "full", restartTimeS: 120 },
  };
}

/** Puts what the resolver wants announced into the speaker. */
export function announce(speaker: Speaker, changes: RoutingChanges["announcements"]): void {
  for (const { prefix, announcement } of changes.values()) {
    if (announcement === undefined) speaker.withdraw(prefix);
    else speaker.announce(originated(announcement));
  }
}

export function originated(announcement: Announcement) {
  return { prefix: announcement.prefix, origin: describeOrigin(announcement.origin) };
}

/** A best route as the routing resolver wants it; `nodeOf` names the node behind a peer's address. */
export function learnedRow(
  change: BestChange,
  nodeOf: (address: string) => string | undefined,
): LearnedRow | undefined {
  const { best } = change;
  const nextHop = best?.nextHops[0];
  if (best === undefined || nextHop === undefined) return undefined;
  const address = formatAddress(best.peerAddress);
  const node = nodeOf(address);
  return { prefix: best.prefix, nextHop, from: node === undefined ? address : `${node} (${address})`, fromNode: node };
}

/** What `ocicat node status` and the lab ask for. */
export function peerReport(status: PeerStatus, peer: MeshPeer | undefined) {
  return {
    name: status.name,
    address: formatAddress(status.remoteAddress),
    as: status.remoteAs,
    type: "node-to-node mesh",
    node: peer?.node,
    state: status.state,
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
