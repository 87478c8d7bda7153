import type { Prefix, ScopedAddress } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { NONE } from "./columns.ts";
import { forwardingHop } from "./forwarding-hop.ts";
import type { LocRib } from "./loc-rib.ts";
import { PATH, type PathId } from "./path-table.ts";
import type { PrefixId } from "./prefix-table.ts";
import { OWN } from "./sources.ts";

/** One path to a prefix, and what became of it. */
export interface ExplainedPath {
  /** The peer's name, or undefined for a route of our own. */
  readonly peer: string | undefined;
  /** The number that the peer gave it (RFC 7911); 0 without. */
  readonly pathId: number;
  /** Why a route of our own exists. */
  readonly origin: string | undefined;
  /** What packets are handed to. */
  readonly nextHop: ScopedAddress;
  /** After the import policy; as they came, of one that was refused. */
  readonly attributes: PathAttributes;
  /** As they came. */
  readonly received: PathAttributes;
  readonly stale: boolean;
  /** RFC 9494: kept beyond the restart time, as the last resort. */
  readonly longLived: boolean;
  readonly verdict: "best" | "multipath" | "lost" | "refused";
  /** The step of the decision process that chose it or dropped it, or the reason it was refused. */
  readonly why: string;
  /** The filter's rule that let it in, where one decided. */
  readonly by: string | undefined;
}

/** What becomes of the best path towards a peer. */
export interface ExplainedExport {
  readonly peer: string;
  /** As it is told; undefined: it is not. */
  readonly attributes: PathAttributes | undefined;
  /** The rule that let it through or kept it back, if a rule did; else the reason. */
  readonly why: string;
}

export interface Explanation {
  readonly prefix: Prefix;
  /** The best first, then those that tie with it, then the others. */
  readonly paths: readonly ExplainedPath[];
}

const ORDER: readonly ExplainedPath["verdict"][] = ["best", "multipath", "lost", "refused"];

/** Every path to a prefix as it is now, and what the decision process makes of it. */
export function explain(prefix: Prefix, locRib: LocRib): Explanation {
  const id = locRib.prefixes.find(prefix);
  if (id === undefined) return { prefix, paths: [] };
  const { paths } = locRib;
  const all: PathId[] = [];
  for (let path = paths.first(id); path !== NONE; path = paths.next(path)) all.push(path);
  const verdict = verdicts(id, locRib);
  return {
    prefix,
    paths: all
      .map((path) => explainPath(path, id, locRib, verdict(path)))
      .sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || compareNames(a.peer, b.peer)),
  };
}

function explainPath(
  path: PathId,
  prefix: PrefixId,
  { paths, store, sources, originOf }: LocRib,
  verdict: Pick<ExplainedPath, "verdict" | "why"> | undefined,
): ExplainedPath {
  const source = paths.source[path] ?? OWN;
  const received = store.attributes(paths.received[path] ?? NONE);
  const accepted = paths.accepted[path] ?? NONE;
  const attributes = accepted === NONE ? received : store.attributes(accepted);
  const flags = paths.flags[path] ?? 0;
  const said = sources.why(source, path);
  return {
    peer: sources.peer(source)?.name,
    pathId: paths.remoteId(path),
    origin: source === OWN ? originOf(prefix) : undefined,
    nextHop: forwardingHop(attributes, sources.peer(source)?.link),
    attributes,
    received,
    stale: (flags & PATH.stale) !== 0,
    longLived: (flags & PATH.longLived) !== 0,
    ...(verdict ?? { verdict: "refused", why: said ?? "refused" }),
    by: verdict === undefined ? undefined : said,
  };
}

/** What the decision process says of each accepted path; undefined of one that was refused. */
function verdicts(prefix: PrefixId, locRib: LocRib) {
  const { decision, paths } = locRib;
  const before = locRib.best(prefix);
  const { best, multipath, step } = decision.choose(prefix, before);
  const dropped = decision.losses(prefix, before);
  return (path: PathId): Pick<ExplainedPath, "verdict" | "why"> | undefined => {
    if (paths.accepted[path] === NONE) return undefined;
    if (path === best) return { verdict: "best", why: step };
    const lost = dropped.get(path);
    if (!multipath.includes(path)) return { verdict: "lost", why: lost ?? step };
    return { verdict: "multipath", why: `as good as the best up to "${lost ?? step}"` };
  };
}

function compareNames(a = "", b = ""): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
