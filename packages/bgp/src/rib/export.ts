import type { Address, Family, Prefix } from "@ocicat/net";
import type { Policy, PolicyPeer } from "../filter/policy.ts";
import { prependAs } from "../wire/attributes/as-path.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import { isUnspecified } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { DEFAULT_LOCAL_PREF } from "./decision.ts";
import type { Path } from "./path.ts";

export type NextHopMode = "auto" | "self" | "keep";

/** All that the form of a route towards a peer depends on: peers that are equal in this are told the same. */
export interface ExportView {
  readonly peer: PolicyPeer;
  readonly nextHopMode: NextHopMode;
  /** This speaker's address to name as next hop, by family. */
  readonly self: Readonly<Partial<Record<Family, Address>>>;
  readonly policy: Policy;
}

export type ExportVerdict =
  /** `by`: the rule of the policy that let it through. */
  { readonly attributes: PathAttributes; readonly by?: string | undefined } | { readonly refusal: string };

/** What a peer with this view is told of a path: the attributes, or why it is not told. */
export function exportPath(prefix: Prefix, path: Path, view: ExportView): ExportVerdict {
  const allowed = permit(prefix, path, view);
  if ("refusal" in allowed) return allowed;
  const shaped = shape(prefix.family, allowed.attributes, keepsMed(path, allowed.attributes), view);
  return "refusal" in shaped ? shaped : { ...shaped, by: allowed.by };
}

/** Whether the path may be told at all, with the attributes that the policy leaves it. */
export function permit(prefix: Prefix, path: Path, view: ExportView): ExportVerdict {
  const attributes = path.accepted?.attributes;
  if (attributes === undefined) return { refusal: "refused on import" };
  const forbidden = forbiddenBy(attributes, path, view.peer);
  if (forbidden !== undefined) return { refusal: forbidden };
  const verdict = view.policy({ prefix, attributes, source: path.source, origin: path.origin }, view.peer);
  return verdict.accept
    ? { attributes: verdict.attributes ?? attributes, by: verdict.by }
    : { refusal: verdict.reason };
}

function forbiddenBy(attributes: PathAttributes, { source }: Path, peer: PolicyPeer): string | undefined {
  // RFC 4271 §9.2: internal peers are a full mesh and tell each other themselves.
  if (source?.internal === true && peer.internal) return "learned from an internal peer, towards an internal peer";
  // RFC 1997.
  const communities = attributes.communities ?? [];
  if (communities.includes(COMMUNITY.noAdvertise)) return "community no-advertise";
  if (peer.internal) return undefined;
  const confined = communities.find((one) => one === COMMUNITY.noExport || one === COMMUNITY.noExportSubconfed);
  return confined === undefined ? undefined : "community no-export";
}

/** RFC 4271 §5.1.4: a MED that was learned stays inside; one of our own, or set by the policy, is told. */
export function keepsMed({ source, accepted }: Path, told: PathAttributes): boolean {
  return source === undefined || told.med !== accepted?.attributes.med;
}

/** The form that attributes take towards peers with this view: depends on nothing but the arguments. */
export function shape(family: Family, attributes: PathAttributes, withMed: boolean, view: ExportView): ExportVerdict {
  const nextHop = nextHopFor(family, attributes, view);
  if (nextHop === undefined) return { refusal: `no IPv${family} address of this speaker to name as next hop` };
  const { linkLocalNextHop, ...rest } = attributes;
  const kept = nextHop === attributes.nextHop && linkLocalNextHop !== undefined ? { linkLocalNextHop } : {};
  const shaped = view.peer.internal ? toInternal(rest) : toExternal(rest, withMed, view.peer);
  return { attributes: { ...shaped, nextHop, ...kept } };
}

/** RFC 4271 §5.1.3: own routes and external peers are given this speaker, the rest is left alone, unless configured. */
function nextHopFor(
  family: Family,
  { nextHop }: PathAttributes,
  { self, nextHopMode, peer }: ExportView,
): Address | undefined {
  const own = self[family];
  if (isUnspecified(nextHop) || nextHopMode === "self") return own;
  if (nextHopMode === "keep" || peer.internal) return nextHop;
  return own;
}

/** RFC 4271 §5.1.5: LOCAL_PREF always goes to internal peers. */
function toInternal(attributes: PathAttributes): PathAttributes {
  return { ...attributes, localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF };
}

/** RFC 4271 §5.1.2, §5.1.4, §5.1.5; RFC 4456 §8. */
function toExternal(attributes: PathAttributes, withMed: boolean, peer: PolicyPeer): PathAttributes {
  const { localPref: _pref, originatorId: _originator, clusterList: _clusters, med, ...rest } = attributes;
  return { ...rest, ...(withMed && med !== undefined && { med }), asPath: prependAs(attributes.asPath, peer.localAs) };
}
