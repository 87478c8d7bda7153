import type { LargeCommunity, PathAttributes } from "../wire/attributes/types.ts";

/** A community of either size: RFC 1997's as its 32 bits, RFC 8092's as its three numbers. */
export type AnyCommunity = number | LargeCommunity;

/** "64512:100" or "64512:1:2"; undefined for anything else. */
export function parseCommunity(text: string): AnyCommunity | undefined {
  if (!/^\d{1,10}(?::\d{1,10}){1,2}$/.test(text)) return undefined;
  const [first = 0, second = 0, third] = text.split(":").map(Number);
  const most = third === undefined ? 0xffff : 0xffff_ffff;
  if (first > most || second > most || (third ?? 0) > most) return undefined;
  return third === undefined ? ((first << 16) | second) >>> 0 : [first, second, third];
}

export function hasCommunity(attributes: PathAttributes, community: AnyCommunity): boolean {
  if (typeof community === "number") return attributes.communities?.includes(community) === true;
  return attributes.largeCommunities?.some((one) => sameLarge(one, community)) === true;
}

/** The attributes with the communities put behind those that are there; the same object if all are. */
export function withCommunities(attributes: PathAttributes, added: readonly AnyCommunity[]): PathAttributes {
  return added.reduce(withCommunity, attributes);
}

function withCommunity(path: PathAttributes, community: AnyCommunity): PathAttributes {
  if (hasCommunity(path, community)) return path;
  return typeof community === "number"
    ? { ...path, communities: [...(path.communities ?? []), community] }
    : { ...path, largeCommunities: [...(path.largeCommunities ?? []), community] };
}

function sameLarge(a: LargeCommunity, b: LargeCommunity): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2];
}
