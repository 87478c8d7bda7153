import type { BestChange, BestRoute, Speaker } from "@ocicat/bgp";
import { describeOrigin } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import type { Announcement, LearnedRow, MeshPeer, RoutingChanges } from "@ocicat/routing";

/** Calico's name for a mesh session: `Mesh_192_168_0_82`. */
export function meshPeerName(peer: MeshPeer): string {
  return `Mesh_${formatAddress(peer.remoteAddress).replaceAll(/[.:]/g, "_")}`;
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

/**
 * The route as the routing resolver wants it. One whose next hop cannot be reached as well: the resolver may know a tunnel,
 * and if not, the route is where people look for why it is not in the kernel.
 */
export function learnedRow(
  { best, unreachable }: BestChange,
  from: (route: BestRoute) => Pick<LearnedRow, "from" | "peering">,
): LearnedRow | undefined {
  const route = best ?? unreachable;
  return route && { prefix: route.prefix, nextHops: route.nextHops, ...from(route) };
}
