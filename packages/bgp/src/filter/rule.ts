import type { Prefix } from "@ocicat/net";
import type { AnyCommunity } from "./community.ts";

/** One rule of a filter. What is left out is not asked; a rule that asks nothing applies to every route. */
export interface FilterRule {
  readonly destination?: Destination | undefined;
  /** Only routes that were learned from a peer. */
  readonly learned?: boolean | undefined;
  /** Only routes over an interface with this name; `*` stands for anything. */
  readonly interface?: string | undefined;
  /** Only between speakers of one AS, or of two. */
  readonly peer?: "internal" | "external" | undefined;
  readonly community?: AnyCommunity | undefined;
  /** Only routes whose AS_PATH begins so, the nearest AS first. */
  readonly asPathPrefix?: readonly number[] | undefined;
  /** Only routes of this priority: see `priorityOf`. */
  readonly priority?: number | undefined;
  readonly action: "accept" | "reject";
  /** Done to a route that is accepted, in this order. */
  readonly operations?: readonly Operation[] | undefined;
}

/** Equal and NotEqual ask for the network itself, In and NotIn for what lies in it too; with lengths all ask for a range of them. */
export interface Destination {
  readonly network: Prefix;
  readonly operator: "Equal" | "NotEqual" | "In" | "NotIn";
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
}

export type Operation =
  | { readonly addCommunity: AnyCommunity }
  | { readonly prependAsPath: readonly number[] }
  | { readonly setPriority: number };

/** The rules of one direction, by the name that `explain` shows: "BGPFilter only-pods exportV4". */
export interface FilterRules {
  readonly name: string;
  readonly rules: readonly FilterRule[];
}
