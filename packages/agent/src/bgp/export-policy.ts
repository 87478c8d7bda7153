import {
  ACCEPT,
  acceptAll,
  type PathAttributes,
  type Policy,
  reject,
  type Verdict,
  withCommunities,
} from "@ocicat/bgp";
import type { Prefix } from "@ocicat/net";
import type { PoolRow } from "@ocicat/routing";
import type { PrefixAdvertisement } from "../tables/bgp-rows.ts";

/**
 * What external peers are told of the distance to another node's block. They hear of it from that node too, with no MED,
 * which is the nearest: so that a router on the segment sends packets to the node that has the pod.
 */
const SECOND_HAND_MED = 100;

type ExportedPool = Pick<PoolRow, "cidr" | "disableBgpExport">;

/** What decides about a route towards peers where no filter has. */
export interface ExportScope {
  readonly pools: readonly ExportedPool[];
  readonly advertisements: readonly PrefixAdvertisement[];
  /** Ranges of services, of which a reflector passes on what nodes announce. */
  readonly reflected: readonly Prefix[];
}

/** Equal for scopes that decide alike. */
export function exportScopeKey({ pools, advertisements, reflected }: ExportScope): string {
  return JSON.stringify([
    pools.map(({ cidr, disableBgpExport }) => `${cidr} ${disableBgpExport}`).sort(),
    advertisements.map(({ network, communities }) => `${network} ${communities.join()}`),
    reflected.map(String).sort(),
  ]);
}

/** Whatever peers tell is taken, as with Calico: the operator trusts those that he names. */
export const importPolicy: Policy = acceptAll;

const IN_NO_POOL = reject("in no IPPool");
const NOT_EXPORTED = reject("its IPPool has disableBGPExport");

/**
 * What peers are told, as Calico's export filter has it: nothing but what lies in pools. Without it a node with two routers
 * would tell each of what it learned from the other. Own routes were decided on already.
 */
export function exportPolicy({ pools, advertisements, reflected }: ExportScope): Policy {
  const adds = communitiesOf(advertisements);
  return ({ prefix, source, attributes }, peer) => {
    if (source === undefined) return adds(prefix, attributes);
    if (reflected.some((range) => range.covers(prefix))) return adds(prefix, attributes);
    const pool = pools.find(({ cidr }) => cidr.covers(prefix));
    if (pool === undefined) return IN_NO_POOL;
    if (pool.disableBgpExport) return NOT_EXPORTED;
    return adds(prefix, attributes, peer.internal ? undefined : SECOND_HAND_MED);
  };
}

/** Puts on what the advertisements say. Attribute sets are shared by many routes: what becomes of one is kept with it. */
function communitiesOf(advertisements: readonly PrefixAdvertisement[]) {
  const known = new Map<string, WeakMap<PathAttributes, Verdict>>();
  return (prefix: Prefix, attributes: PathAttributes, med?: number): Verdict => {
    const held = advertisements.filter(({ network }) => network.covers(prefix));
    if (held.length === 0 && med === undefined) return ACCEPT;
    const place = `${med} ${held.map(({ network }) => network).join()}`;
    const verdicts = known.get(place) ?? new WeakMap<PathAttributes, Verdict>();
    known.set(place, verdicts);
    const before = verdicts.get(attributes);
    if (before !== undefined) return before;
    const added = withCommunities(
      attributes,
      held.flatMap(({ communities }) => communities),
    );
    const verdict = { accept: true, attributes: med === undefined ? added : { ...added, med } } as const;
    verdicts.set(attributes, verdict);
    return verdict;
  };
}
