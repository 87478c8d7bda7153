import { type Address, formatAddress, type Ipv4, type Prefix, parsePrefix } from "@ocicat/net";
import type { Policy, PolicyPeer } from "../filter/policy.ts";
import { asPathCount, neighbourAs } from "../wire/attributes/as-path.ts";
import { isUnspecified } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { RibPeer } from "./path.ts";

/** What this speaker must know of itself to judge a route. */
export interface Self {
  readonly localAs: number;
  /** How often it may be in an AS_PATH. */
  readonly allowedOwnAs: number;
  readonly routerId: Ipv4;
  /** Addresses that are this speaker's on the session: a next hop that is one of them leads nowhere. */
  readonly addresses: readonly Address[];
}

export type ImportVerdict = { readonly attributes: PathAttributes } | { readonly refusal: string };

/** What applies to all prefixes that share the attributes: a reason to refuse them, or undefined. */
export function refuseAttributes(attributes: PathAttributes, peer: RibPeer, self: Self): string | undefined {
  const { asPath, nextHop, originatorId, clusterList } = attributes;
  // RFC 4271 §9.1.2.
  if (asPathCount(asPath, self.localAs) > self.allowedOwnAs) return `AS ${self.localAs}, this speaker's, is in AS_PATH`;
  // RFC 4271 §6.3: an external peer puts itself first.
  if (!peer.internal && neighbourAs(asPath) !== peer.as) return `AS_PATH does not begin with the peer's AS ${peer.as}`;
  // RFC 4456 §8.
  if (originatorId === self.routerId) return "ORIGINATOR_ID is this speaker's";
  if (clusterList?.includes(self.routerId) === true) return "this speaker is in CLUSTER_LIST";
  return refuseNextHop(nextHop, self);
}

/** RFC 4271 §5.1.3 and §6.3: a next hop must be a host that is not this speaker. */
function refuseNextHop(nextHop: Address, self: Self): string | undefined {
  const text = formatAddress(nextHop);
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

export function applyPolicy(
  policy: Policy,
  prefix: Prefix,
  attributes: PathAttributes,
  source: RibPeer,
  peer: PolicyPeer,
): ImportVerdict {
  const verdict = policy({ prefix, attributes, source, origin: undefined }, peer);
  return verdict.accept ? { attributes: verdict.attributes ?? attributes } : { refusal: verdict.reason };
}

// RFC 6890: loopback, multicast, reserved, link-local.
const NO_HOST = ["127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "ff00::/8"].map((text) => parsePrefix(text));
const NEVER_ROUTED = ["127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8"].map((text) =>
  parsePrefix(text),
);
