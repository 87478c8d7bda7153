import { COMMUNITY } from "../wire/attributes/communities.ts";
import type { Policy } from "./policy.ts";

const WRAPPED = new WeakMap<Policy, Policy>();

/**
 * The policy, with GRACEFUL_SHUTDOWN put on all that it lets through (RFC 8326 §4.1), and towards internal peers the least
 * LOCAL_PREF as well, for those that do not know the community. The same function for the same policy, so that peers which
 * share their view go on sharing it.
 */
export function shuttingDown(policy: Policy): Policy {
  const known = WRAPPED.get(policy);
  if (known !== undefined) return known;
  const wrapped: Policy = (route, peer) => {
    const verdict = policy(route, peer);
    if (!verdict.accept) return verdict;
    const attributes = verdict.attributes ?? route.attributes;
    const { communities = [] } = attributes;
    if (communities.includes(COMMUNITY.gracefulShutdown)) return verdict;
    const marked = { ...attributes, communities: [...communities, COMMUNITY.gracefulShutdown] };
    return { ...verdict, attributes: peer.internal ? { ...marked, localPref: 0 } : marked };
  };
  WRAPPED.set(policy, wrapped);
  return wrapped;
}
