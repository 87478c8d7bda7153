import { compareAddresses, isLinkLocal, type ScopedAddress } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";

/**
 * What packets are handed to on a path. A peer on a link (`link`: its interface) is asked for its link-local address, alone or
 * beside a global one (RFC 2545 §3): the global one may be on no link at all.
 */
export function forwardingHop(
  { nextHop, linkLocalNextHop }: Pick<PathAttributes, "nextHop" | "linkLocalNextHop">,
  link: string | undefined,
): ScopedAddress {
  if (link === undefined) return { address: nextHop, link };
  if (linkLocalNextHop !== undefined && isLinkLocal(linkLocalNextHop)) return { address: linkLocalNextHop, link };
  return { address: nextHop, link: isLinkLocal(nextHop) ? link : undefined };
}

/** By address, then by the link's name; nothing sorts first. */
export function compareHops(a: ScopedAddress, b: ScopedAddress | undefined): number {
  if (b === undefined) return 1;
  const [left = "", right = ""] = [a.link, b.link];
  return compareAddresses(a.address, b.address) || (left < right ? -1 : left > right ? 1 : 0);
}
