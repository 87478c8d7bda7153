import { type Address, formatAddress, type Ipv4, isLinkLocal, type Prefix, parsePrefix } from "@ocicat/net";
import { asPathCount, neighbourAs } from "../wire/attributes/as-path.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import { isUnspecified } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { Role } from "../wire/capabilities.ts";
import type { RibPeer } from "./sources.ts";

/** What this speaker must know of itself to judge a route. */
export interface Self {
  readonly localAs: number;
  /** How often it may be in an AS_PATH. */
  readonly allowedOwnAs: number;
  readonly routerId: Ipv4;
  /** RFC 4456: the clusters that it reflects for; its identifier is one in any case. */
  readonly clusterIds?: readonly Ipv4[] | undefined;
  /** Addresses that are this speaker's on the session: a next hop that is one of them leads nowhere. */
  readonly addresses: readonly Address[];
  /** RFC 9234: what it is to the peer; undefined: nothing was configured. */
  readonly role?: Role | undefined;
}

/** What applies to all prefixes that share the attributes: a reason to refuse them, or undefined. */
export function refuseAttributes(attributes: PathAttributes, peer: RibPeer, self: Self): string | undefined {
  const { asPath, nextHop, originatorId, clusterList, onlyToCustomer } = attributes;
  // RFC 4271 §9.1.2.
  if (asPathCount(asPath, self.localAs) > self.allowedOwnAs) return `AS ${self.localAs}, this speaker's, is in AS_PATH`;
  // RFC 4271 §6.3: an external peer puts itself first. A route server does not (RFC 7947 §2.2.2.1).
  if (!peer.internal && self.role !== "rs-client" && neighbourAs(asPath) !== peer.as)
    return `AS_PATH does not begin with the peer's AS ${peer.as}`;
  // RFC 4456 §8.
  if (originatorId === self.routerId) return "ORIGINATOR_ID is this speaker's";
  const cluster = clusterList?.find((id) => id === self.routerId || self.clusterIds?.includes(id) === true);
  if (cluster !== undefined) return "this speaker is in CLUSTER_LIST";
  if (onlyToCustomer !== undefined && leaks(onlyToCustomer, peer, self.role))
    return `route leak: ONLY_TO_CUSTOMER says AS${onlyToCustomer}, and the peer is no provider`;
  return refuseNextHop(nextHop, peer, self);
}

/** What the RFCs add to the attributes as they come in, before any policy. */
export function taken(attributes: PathAttributes, peer: RibPeer, { role }: Self): PathAttributes {
  // RFC 8326 §4.3: the least preference for what is about to go.
  const leaving = !peer.internal && attributes.communities?.includes(COMMUNITY.gracefulShutdown) === true;
  // RFC 9234 §5: marked on the way in, so that it goes down only.
  const unmarked = attributes.onlyToCustomer === undefined && role !== undefined && MARKS_ON_THE_WAY_IN.has(role);
  if (!leaving && !unmarked) return attributes;
  return { ...attributes, ...(leaving && { localPref: 0 }), ...(unmarked && { onlyToCustomer: peer.as }) };
}

/** Our roles, where the peer is a provider, a peer or a route server (RFC 9234 §5, ingress 3). */
const MARKS_ON_THE_WAY_IN: ReadonlySet<Role> = new Set(["customer", "peer", "rs-client"]);

/** RFC 9234 §5, ingress 1 and 2: from a customer or a route server's client never; from a peer only if it put it there. */
function leaks(onlyToCustomer: number, peer: RibPeer, role: Role | undefined): boolean {
  return role === "provider" || role === "rs" || (role === "peer" && onlyToCustomer !== peer.as);
}

/** RFC 4271 §5.1.3 and §6.3: a next hop must be a host that is not this speaker. */
function refuseNextHop(nextHop: Address, { link }: RibPeer, self: Self): string | undefined {
  const text = formatAddress(nextHop);
  // RFC 2545 §3: it is told to neighbours on the link alone, and nobody else knows which link that is.
  if (link === undefined && isLinkLocal(nextHop))
    return `next hop ${text} is link-local, and the peer is on no one link`;
  if (isUnspecified(nextHop) || NO_HOST.some((prefix) => prefix.has(nextHop)))
    return `next hop ${text} is no host's address`;
  if (self.addresses.includes(nextHop)) return `next hop ${text} is this speaker's`;
  return undefined;
}

/** RFC 4271 §6.3: prefixes that make no sense to route are logged and ignored. The default route is fine. */
export function refusePrefix(prefix: Prefix): string | undefined {
  const martian = NEVER_ROUTED.find((block) => block.covers(prefix));
  return martian === undefined ? undefined : `${prefix} is within ${martian}, which is never routed`;
}

/** Nearly no prefix is one of those: one look at its first byte, for a million of them. */
export function mayBeRefused(firstByte: number): boolean {
  return firstByte === 0 || firstByte === 127 || firstByte >= 224;
}

// RFC 6890: loopback, multicast, reserved, link-local.
const NO_HOST = ["127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "ff00::/8"].map((text) => parsePrefix(text));
const NEVER_ROUTED = ["127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8"].map((text) =>
  parsePrefix(text),
);
