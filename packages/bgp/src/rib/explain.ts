import type { Address, Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { losses, type NextHopResolver } from "./decision.ts";
import type { Destination, Path } from "./path.ts";

/** One path to a prefix, and what became of it. */
export interface ExplainedPath {
  /** The peer's name, or undefined for a route of our own. */
  readonly peer: string | undefined;
  /** Why a route of our own exists. */
  readonly origin: string | undefined;
  readonly nextHop: Address;
  readonly attributes: PathAttributes;
  readonly stale: boolean;
  readonly verdict: "best" | "multipath" | "lost" | "refused";
  /** The step of the decision process that chose it or dropped it, or the reason it was refused. */
  readonly why: string;
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

export function explainDestination(
  prefix: Prefix,
  destination: Destination | undefined,
  resolve: NextHopResolver,
): Explanation {
  if (destination === undefined) return { prefix, paths: [] };
  const dropped = losses(destination, resolve);
  const paths = destination.paths.map((path) => explainPath(path, destination, dropped));
  return { prefix, paths: paths.sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict)) };
}

function explainPath(path: Path, { selected }: Destination, dropped: ReadonlyMap<Path, string>): ExplainedPath {
  const { attributes } = path.accepted ?? path.received;
  return {
    peer: path.source?.name,
    origin: path.origin,
    nextHop: attributes.nextHop,
    attributes,
    stale: path.stale,
    ...verdictOn(path, selected, dropped),
  };
}

function verdictOn(
  path: Path,
  selected: Destination["selected"],
  dropped: ReadonlyMap<Path, string>,
): Pick<ExplainedPath, "verdict" | "why"> {
  if (path.refusal !== undefined) return { verdict: "refused", why: path.refusal };
  if (selected?.best === path) return { verdict: "best", why: selected.step };
  if (selected?.multipath.includes(path) === true)
    return { verdict: "multipath", why: `as good as the best up to "${dropped.get(path) ?? selected.step}"` };
  return { verdict: "lost", why: dropped.get(path) ?? "not decided yet" };
}
