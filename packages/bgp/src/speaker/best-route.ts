import type { Prefix, ScopedAddress } from "@ocicat/net";
import { UNREACHABLE } from "../rib/decision.ts";
import { compareHops, forwardingHop } from "../rib/forwarding-hop.ts";
import type { LocRib, Told } from "../rib/loc-rib.ts";
import type { PrefixId } from "../rib/prefix-table.ts";
import type { BestChange, BestRoute } from "./types.ts";

/** The best learned route to a prefix as it was selected; undefined: there is none, or the best is our own. */
export function bestRoute(locRib: LocRib, id: PrefixId): BestRoute | undefined {
  const best = locRib.told(id);
  if (best === undefined) return undefined;
  const hops = [best, ...locRib.ties(id)].map((told) => hopOf(locRib, told));
  const nextHops = hops.length === 1 ? hops : distinct(hops);
  return learnedRoute(locRib, locRib.prefixOf(id), best, nextHops, locRib.stepOf(id));
}

/** What the owner hears of a change: nothing, if there was and is no learned route to tell of. */
export function bestChange(locRib: LocRib, id: PrefixId, wasLearned: boolean): BestChange | undefined {
  const best = bestRoute(locRib, id);
  const unreachable = unreachableRoute(locRib, id);
  if (best === undefined && unreachable === undefined && !wasLearned) return undefined;
  return { prefix: best?.prefix ?? locRib.prefixOf(id), best, unreachable };
}

function unreachableRoute(locRib: LocRib, id: PrefixId): BestRoute | undefined {
  const best = locRib.unreachable(id);
  if (best === undefined) return undefined;
  return learnedRoute(locRib, locRib.prefixOf(id), best, [hopOf(locRib, best)], UNREACHABLE);
}

function hopOf({ store, sources }: LocRib, { set, source }: Told): ScopedAddress {
  return forwardingHop(store.attributes(set), sources.peer(source)?.link);
}

function distinct(hops: readonly ScopedAddress[]): ScopedAddress[] {
  const sorted = [...hops].sort(compareHops);
  return sorted.filter((hop, at) => compareHops(hop, sorted[at - 1]) !== 0);
}

function learnedRoute(
  { sources, store }: LocRib,
  prefix: Prefix,
  { source, set }: Told,
  nextHops: readonly ScopedAddress[],
  why: string,
): BestRoute | undefined {
  const peer = sources.peer(source);
  if (peer === undefined) return undefined;
  const peerAddress = { address: peer.address, link: peer.link };
  return { prefix, nextHops, attributes: store.attributes(set), peer: peer.name, peerAddress, why };
}
