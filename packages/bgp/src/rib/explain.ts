import type { Address, Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";

/** One path to a prefix, and what became of it. */
export interface ExplainedPath {
  /** The peer's name, or undefined for a route of our own. */
  readonly peer: string | undefined;
  /** Why a route of our own exists. */
  readonly origin: string | undefined;
  readonly nextHop: Address;
  readonly attributes: PathAttributes;
  readonly stale: boolean;
  readonly verdict: "best" | "multipath" | "lost" | "rejected";
  /** The step of the decision process that chose it or dropped it, or the reason of the policy. */
  readonly why: string;
}

export interface Explanation {
  readonly prefix: Prefix;
  readonly paths: readonly ExplainedPath[];
}
