import type { RibPeer } from "../../src/rib/sources.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";

/** A path as the reference sees it. */
export interface ReferencePath {
  readonly peer: RibPeer | undefined;
  readonly attributes: PathAttributes;
  readonly metric: number;
  readonly pathId: number;
}

/**
 * The decision process written down from the text, slowly: is `a` to be removed because of `b`? Rule by rule in the order of RFC
 * 4271 §9.1.2.2, as RFC 4456 §9 has changed them. What none of the others removes is best.
 *
 * RFC 4271 §9.1.2.2 removes in passes: each rule looks only at what the rules before it have left.
 */
export function referenceBest(paths: readonly ReferencePath[]): ReferencePath | undefined {
  let left = [...paths];
  // Our own routes have no degree of preference to compare: they are there without any peer.
  if (left.some(({ peer }) => peer === undefined)) left = left.filter(({ peer }) => peer === undefined);
  for (const isRemoved of RULES) left = left.filter((a) => !left.some((b) => isRemoved(a, b)));
  if (left.length > 1) throw new Error("two paths that no rule tells apart");
  return left[0];
}

type Rule = (a: ReferencePath, b: ReferencePath) => boolean;

const LLGR_STALE = 0xffff_0006;
const localPref = ({ attributes }: ReferencePath) => attributes.localPref ?? 100;
const isStale = ({ attributes }: ReferencePath) => attributes.communities?.includes(LLGR_STALE) ?? false;
/** "Should no MULTI_EXIT_DISC attribute be present, the lowest possible value (zero)". */
const med = ({ attributes }: ReferencePath) => attributes.med ?? 0;
const identifier = ({ attributes, peer }: ReferencePath) => attributes.originatorId ?? peer?.routerId ?? 0;
const clusters = ({ attributes }: ReferencePath) => attributes.clusterList?.length ?? 0;
const address = ({ peer }: ReferencePath) => Number(peer?.address ?? 0);

/** "An AS_SET counts as 1, no matter how many ASes are in the set"; confederation segments are not counted (RFC 5065 §5.3). */
function asHops({ attributes }: ReferencePath): number {
  let hops = 0;
  for (const { type, asns } of attributes.asPath) {
    if (type === "sequence") hops += asns.length;
    if (type === "set") hops += 1;
  }
  return hops;
}

/** "neighborAS(n) … the neighbor AS from which the route was received": the first of the AS_PATH. */
function neighbour({ attributes }: ReferencePath): number {
  const first = attributes.asPath[0];
  return first?.type === "sequence" ? (first.asns[0] ?? 0) : 0;
}

const RULES: readonly Rule[] = [
  (a, b) => isStale(a) && !isStale(b), // RFC 9494 §4.3
  (a, b) => localPref(a) < localPref(b), // §9.1.1
  (a, b) => asHops(a) > asHops(b), // a)
  (a, b) => a.attributes.origin > b.attributes.origin, // b)
  (a, b) => neighbour(a) === neighbour(b) && med(a) > med(b), // c)
  (a, b) => a.peer?.internal === true && b.peer?.internal === false, // d)
  (a, b) => a.metric > b.metric, // e)
  (a, b) => identifier(a) > identifier(b), // f)
  (a, b) => clusters(a) > clusters(b), // RFC 4456 §9
  (a, b) => address(a) > address(b), // g)
  (a, b) => a.pathId > b.pathId, // several of one peer, RFC 7911
];
