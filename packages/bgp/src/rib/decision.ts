import { type Address, compareAddresses, type Prefix } from "@ocicat/net";
import { asPathLength, neighbourAs } from "../wire/attributes/as-path.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import type { Destination, Path, Selection } from "./path.ts";

/** What the owner knows of a next hop. `metric`: the interior cost, lower is nearer. */
export interface NextHopState {
  readonly reachable: boolean;
  readonly metric: number;
}

/** What the owner makes of a next hop; of the prefix too, for what a tunnel reaches may be one network only. */
export type NextHopResolver = (nextHop: Address, prefix: Prefix) => NextHopState;

/** A prefix and the ways to it. */
type Paths = Pick<Destination, "prefix" | "paths">;

export const DEFAULT_LOCAL_PREF = 100;

interface Candidate {
  readonly path: Path;
  readonly attributes: PathAttributes;
  readonly hop: NextHopState;
}

/** A step keeps some of the candidates; never none. */
interface Step {
  readonly name: string;
  readonly keep: (candidates: readonly Candidate[]) => readonly Candidate[];
}

/**
 * RFC 4271 §9.1.1 (degree of preference) and §9.1.2.2 (tie-breaking a to g), with RFC 4456 §9 (originator instead of the
 * peer's identifier, shorter CLUSTER_LIST). The outcome does not depend on the order of the candidates.
 */
const PREFERENCE: readonly Step[] = [
  { name: "own route", keep: least(({ path }) => (path.source === undefined ? 0 : 1)) },
  { name: "highest LOCAL_PREF", keep: least(({ attributes }) => -(attributes.localPref ?? DEFAULT_LOCAL_PREF)) },
  { name: "shortest AS_PATH", keep: least(({ attributes }) => asPathLength(attributes.asPath)) },
  { name: "lowest ORIGIN", keep: least(({ attributes }) => attributes.origin) },
  { name: "lowest MED from the same AS", keep: lowestMed },
  { name: "external over internal", keep: least(({ path }) => (path.source?.internal === true ? 1 : 0)) },
  { name: "nearest next hop", keep: least(({ hop }) => hop.metric) },
];

const TIE_BREAKS: readonly Step[] = [
  { name: "lowest BGP identifier", keep: least(identifier) },
  { name: "shortest CLUSTER_LIST", keep: least(({ attributes }) => attributes.clusterList?.length ?? 0) },
  { name: "lowest peer address", keep: lowestAddress },
];

const ONLY_PATH = "only path";
export const UNREACHABLE = "next hop is not reachable";

/** Chooses among the accepted paths to one prefix. Undefined: there is none that can be used (RFC 4271 §9.1.2). */
export function select(destination: Paths, resolve: NextHopResolver, multipath: boolean): Selection | undefined {
  const { paths } = destination;
  const [only, ...others] = paths;
  if (only === undefined) return undefined;
  if (others.length === 0)
    return isUsable(destination.prefix, only, resolve) ? { best: only, multipath: paths, step: ONLY_PATH } : undefined;
  const candidates = usable(destination, resolve);
  const [first] = candidates;
  if (first === undefined) return undefined;
  if (candidates.length === 1) return { best: first.path, multipath: [first.path], step: ONLY_PATH };
  const preferred = run(PREFERENCE, candidates);
  const final = run(TIE_BREAKS, preferred.left);
  const best = final.left[0]?.path ?? first.path;
  const ties = multipath ? preferred.left.map(({ path }) => path).filter((path) => path !== best) : [];
  return { best, multipath: [best, ...ties], step: final.last ?? preferred.last ?? ONLY_PATH };
}

/** What would be best if every next hop could be reached: for a prefix of which no path can be used. */
export function bestUnreachable(destination: Paths): Path | undefined {
  return select(destination, () => OWN, false)?.best;
}

/** The step at which each path that was not chosen was dropped. */
export function losses(destination: Paths, resolve: NextHopResolver): ReadonlyMap<Path, string> {
  const dropped = new Map<Path, string>();
  const candidates = usable(destination, resolve);
  for (const path of destination.paths) {
    const isCandidate = candidates.some((candidate) => candidate.path === path);
    if (path.accepted !== undefined && !isCandidate) dropped.set(path, UNREACHABLE);
  }
  run([...PREFERENCE, ...TIE_BREAKS], candidates, (path, step) => dropped.set(path, step));
  return dropped;
}

function isUsable(prefix: Prefix, { source, accepted }: Path, resolve: NextHopResolver): boolean {
  return accepted !== undefined && (source === undefined || resolve(accepted.attributes.nextHop, prefix).reachable);
}

function usable({ prefix, paths }: Paths, resolve: NextHopResolver): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const path of paths) {
    const attributes = path.accepted?.attributes;
    if (attributes === undefined) continue;
    const hop = path.source === undefined ? OWN : resolve(attributes.nextHop, prefix);
    if (hop.reachable) candidates.push({ path, attributes, hop });
  }
  return candidates;
}

const OWN: NextHopState = { reachable: true, metric: 0 };

function run(
  steps: readonly Step[],
  candidates: readonly Candidate[],
  onDrop?: (path: Path, step: string) => void,
): { readonly left: readonly Candidate[]; readonly last: string | undefined } {
  let left = candidates;
  let last: string | undefined;
  for (const { name, keep } of steps) {
    if (left.length <= 1) break;
    const kept = keep(left);
    if (kept.length === left.length) continue;
    last = name;
    if (onDrop !== undefined) for (const { path } of left.filter((one) => !kept.includes(one))) onDrop(path, name);
    left = kept;
  }
  return { left, last };
}

function least(rank: (candidate: Candidate) => number): Step["keep"] {
  return (candidates) => {
    const lowest = candidates.reduce((low, candidate) => Math.min(low, rank(candidate)), Number.POSITIVE_INFINITY);
    return candidates.filter((candidate) => rank(candidate) === lowest);
  };
}

/** RFC 4271 §9.1.2.2 c): only paths through the same neighbouring AS are compared; a missing MED is the lowest. */
function lowestMed(candidates: readonly Candidate[]): readonly Candidate[] {
  const lowest = new Map<number | undefined, number>();
  for (const { attributes } of candidates) {
    const as = neighbourAs(attributes.asPath);
    lowest.set(as, Math.min(lowest.get(as) ?? Number.POSITIVE_INFINITY, attributes.med ?? 0));
  }
  return candidates.filter(({ attributes }) => (attributes.med ?? 0) === lowest.get(neighbourAs(attributes.asPath)));
}

function identifier({ path, attributes }: Candidate): number {
  return attributes.originatorId ?? path.source?.routerId ?? 0;
}

function lowestAddress(candidates: readonly Candidate[]): readonly Candidate[] {
  const addressOf = ({ path }: Candidate) => path.source?.address;
  const lowest = candidates
    .map(addressOf)
    .filter((address) => address !== undefined)
    .reduce<Address | undefined>(
      (low, next) => (low !== undefined && compareAddresses(low, next) <= 0 ? low : next),
      undefined,
    );
  return candidates.filter((candidate) => addressOf(candidate) === lowest);
}
