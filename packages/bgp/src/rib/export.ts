import { type Address, type Family, type Ipv4, type Ipv6, isLinkLocal, type Prefix } from "@ocicat/net";
import type { Policy, PolicyPeer } from "../filter/policy.ts";
import { hasConfederation, prependAs, withoutConfederation } from "../wire/attributes/as-path.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import { isUnspecified } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { Role } from "../wire/capabilities.ts";
import { DEFAULT_LOCAL_PREF } from "./attribute-store.ts";
import type { RibPeer } from "./sources.ts";

export type NextHopMode = "auto" | "self" | "keep";

/** All that the form of a route towards a peer depends on: peers that are equal in this are told the same. */
export interface ExportView {
  readonly peer: PolicyPeer;
  readonly nextHopMode: NextHopMode;
  /** This speaker's address to name as next hop, by family. */
  readonly self: Readonly<Partial<Record<Family, Address>>>;
  /** This speaker's address on the link that the peer is on: told behind a global one of IPv6 (RFC 2545 §3). */
  readonly linkLocal?: Ipv6 | undefined;
  readonly policy: Policy;
  /** RFC 4456: the cluster that this speaker reflects for towards the peer, and whether the peer is its client. */
  readonly clusterId?: Ipv4 | undefined;
  readonly reflectorClient?: boolean | undefined;
  /** RFC 9234: what this speaker is to the peer. */
  readonly role?: Role | undefined;
  /** RFC 9494: the peer knows long-lived stale routes; false. */
  readonly longLived?: boolean | undefined;
  /** Families that may have an IPv6 next hop in place of their own (RFC 8950). */
  readonly extendedNextHop?: readonly Family[] | undefined;
  /** RFC 4271 §5.1.3: the networks shared with an external peer. A next hop in one of them is told as it is. */
  readonly sharedNetworks?: readonly Prefix[] | undefined;
}

/** A path as the export sees it. */
export interface ExportedPath {
  readonly attributes: PathAttributes;
  /** Undefined: a route of our own. */
  readonly source: RibPeer | undefined;
  /** Why a route of our own exists. */
  readonly origin: string | undefined;
}

export type ExportVerdict =
  | { readonly attributes: PathAttributes; readonly by?: string | undefined }
  | { readonly refusal: string };

/** What a peer with this view is told of a path: the attributes, or why it is not told. */
export function exportPath(prefix: Prefix, path: ExportedPath, view: ExportView): ExportVerdict {
  const allowed = permit(prefix, path, view);
  if ("refusal" in allowed) return allowed;
  const { attributes, by } = allowed;
  const shaped = shape(prefix.family, attributes, path.source, keepsMed(path, attributes), view);
  return "refusal" in shaped ? shaped : { ...shaped, by };
}

/** Whether the path may be told at all, with the attributes that the policy leaves it. */
export function permit(prefix: Prefix, path: ExportedPath, view: ExportView): ExportVerdict {
  const forbidden = forbiddenBy(path, view);
  if (forbidden !== undefined) return { refusal: forbidden };
  const { attributes, source, origin } = path;
  const verdict = view.policy({ prefix, attributes, source, origin }, view.peer);
  if (!verdict.accept) return { refusal: verdict.reason };
  return { attributes: verdict.attributes ?? attributes, by: verdict.by };
}

/** What no policy may allow. */
export function forbiddenBy(
  { attributes, source }: Omit<ExportedPath, "origin">,
  view: ExportView,
): string | undefined {
  const { peer } = view;
  if (source?.internal === true && peer.internal && !reflects(source, view))
    return source.clusterId === undefined && view.clusterId === undefined
      ? "learned from an internal peer, towards an internal peer"
      : "learned from a peer that is no client, towards a peer that is no client";
  const communities = attributes.communities ?? [];
  // RFC 1997.
  if (communities.includes(COMMUNITY.noAdvertise)) return "community no-advertise";
  // RFC 9494 §4.3.
  if (communities.includes(COMMUNITY.llgrStale) && view.longLived !== true)
    return "long-lived stale, towards a peer that does not know of that";
  // RFC 9234 §5, egress 2.
  if (attributes.onlyToCustomer !== undefined && view.role !== undefined && !LEADS_DOWN.has(view.role))
    return `ONLY_TO_CUSTOMER says AS${attributes.onlyToCustomer}, and the peer is no customer`;
  if (peer.internal) return undefined;
  if (communities.includes(COMMUNITY.noExport)) return "community no-export";
  return communities.includes(COMMUNITY.noExportSubconfed) ? "community no-export-subconfed" : undefined;
}

/** Our roles where the peer is a customer or a route server's client. */
const LEADS_DOWN: ReadonlySet<Role> = new Set(["provider", "rs"]);
/** RFC 9234 §5, egress 1: our roles where the peer is a customer, a peer, or a route server's client. */
const MARKS_ON_THE_WAY_OUT: ReadonlySet<Role> = new Set(["provider", "peer", "rs"]);

/**
 * RFC 4456 §6. What an internal peer has told goes on to
 *
 *                      clients   others
 *     of a client         yes      yes
 *     of another          yes       no      RFC 4271 §9.2: they are a full mesh and tell each other themselves
 */
function reflects(source: RibPeer, { clusterId, reflectorClient }: ExportView): boolean {
  const fromClient = source.reflectorClient === true && source.clusterId !== undefined;
  return fromClient || (reflectorClient === true && clusterId !== undefined);
}

/** RFC 4271 §5.1.4: a MED that was learned stays inside; one of our own, or set by the policy, is told. */
export function keepsMed({ source, attributes }: ExportedPath, told: PathAttributes): boolean {
  return source === undefined || told.med !== attributes.med;
}

/** The form that attributes take towards peers with this view: depends on nothing but the arguments. */
export function shape(
  family: Family,
  attributes: PathAttributes,
  source: RibPeer | undefined,
  withMed: boolean,
  view: ExportView,
): { readonly attributes: PathAttributes } | { readonly refusal: string } {
  const nextHop = nextHopFor(family, attributes, view);
  if (nextHop === undefined) return { refusal: `no IPv${family} address of this speaker to name as next hop` };
  // One that was learned is of the link that it was learned on (RFC 2545 §3).
  const { linkLocalNextHop: _theirs, ...rest } = attributes;
  const shaped = view.peer.internal ? toInternal(rest, source, view) : toExternal(rest, withMed, view);
  const linkLocalNextHop = nextHop === view.self[6] && nextHop !== view.linkLocal ? view.linkLocal : undefined;
  return { attributes: { ...shaped, nextHop, ...(linkLocalNextHop !== undefined && { linkLocalNextHop }) } };
}

/** RFC 4271 §5.1.3: own routes and external peers are given this speaker, the rest is left alone, unless configured. */
function nextHopFor(family: Family, { nextHop }: PathAttributes, view: ExportView): Address | undefined {
  const { self, nextHopMode, peer, extendedNextHop = [], sharedNetworks = [] } = view;
  const speaksIpv6 = family === 4 && extendedNextHop.includes(4);
  const own = self[family] ?? (speaksIpv6 ? self[6] : undefined);
  if (isUnspecified(nextHop) || nextHopMode === "self" || isLinkLocal(nextHop)) return own;
  // What the peer could not even read.
  if (family === 4 && typeof nextHop !== "number" && !speaksIpv6) return own;
  if (nextHopMode === "keep" || peer.internal) return nextHop;
  return sharedNetworks.some((network) => network.has(nextHop)) ? nextHop : own;
}

/** RFC 4271 §5.1.5: LOCAL_PREF always goes to internal peers. RFC 4456 §8: what is reflected says where it came from. */
function toInternal(attributes: PathAttributes, source: RibPeer | undefined, view: ExportView): PathAttributes {
  const localPref = attributes.localPref ?? DEFAULT_LOCAL_PREF;
  if (source?.internal !== true) return { ...attributes, localPref };
  const clusters = new Set([
    ...(view.reflectorClient === true && view.clusterId !== undefined ? [view.clusterId] : []),
    ...(source.reflectorClient === true && source.clusterId !== undefined ? [source.clusterId] : []),
  ]);
  return {
    ...attributes,
    localPref,
    originatorId: attributes.originatorId ?? source.routerId,
    clusterList: [...clusters, ...(attributes.clusterList ?? [])],
  };
}

/** RFC 4271 §5.1.2, §5.1.4, §5.1.5; RFC 4456 §8; RFC 9234 §5. */
function toExternal(attributes: PathAttributes, withMed: boolean, view: ExportView): PathAttributes {
  const { localPref: _pref, originatorId: _originator, clusterList: _clusters, med, ...rest } = attributes;
  const { localAs } = view.peer;
  const marks = rest.onlyToCustomer === undefined && view.role !== undefined && MARKS_ON_THE_WAY_OUT.has(view.role);
  // A route server stands beside the path, not in it (RFC 7947 §2.2.2.1).
  // RFC 5065 §5.3: what members of a confederation are called inside it is nobody's business outside.
  const path = hasConfederation(attributes.asPath) ? withoutConfederation(attributes.asPath) : attributes.asPath;
  const asPath = view.role === "rs" ? path : prependAs(path, localAs);
  return {
    ...rest,
    ...(withMed && med !== undefined && { med }),
    ...(marks && { onlyToCustomer: localAs }),
    asPath,
  };
}
