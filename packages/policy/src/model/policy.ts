import type { Selector } from "@ocicat/api";
import type { ResourceRef } from "@ocicat/kit";
import type { Rule } from "./rule.ts";

/** Unique among all policies, and readable: `NetworkPolicy default/allow-web`. */
export type PolicyId = string & { readonly "#policy": true };

export type Direction = "ingress" | "egress";

/**
 * Where in a packet's way a policy stands. All but `normal` are for host endpoints only.
 *
 *   untracked   before connections are tracked (doNotTrack): what it allows is not tracked, and answers are judged too
 *   preDnat     before destinations are translated: ingress only
 *   forward     also for what the host forwards (applyOnForward)
 */
export type Stage = "normal" | "untracked" | "preDnat" | "forward";

export interface Policy {
  readonly id: PolicyId;
  /** Where it comes from; for people. */
  readonly resource: ResourceRef;
  /** Undefined: of no namespace. */
  readonly namespace: string | undefined;
  readonly tier: string;
  /** Lower first; Infinity where none is given. For ties see comparePolicies. */
  readonly order: number;
  /** Which endpoints it applies to: namespace, namespaceSelector and serviceAccountSelector are in it. */
  readonly selector: Selector;
  /** The directions in which it closes what it applies to. */
  readonly directions: readonly Direction[];
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
  readonly untracked: boolean;
  readonly preDnat: boolean;
  readonly applyOnForward: boolean;
  /** Told, never done. Undefined for a policy that is in force. */
  readonly staged: StagedAction | undefined;
  /** Nodes get ready before an endpoint needs it. */
  readonly neededEverywhere: boolean;
  /** Why it denies everything to what it applies to: as a whole it could not be understood. */
  readonly unreadable?: string;
}

/** What enforcing a staged policy would do to the one of the same name: put it there (over another), or take it away. */
export type StagedAction = "set" | "delete" | "learn" | "ignore";

export interface Tier {
  readonly name: string;
  /** Lower first; ties by name. */
  readonly order: number;
  /** What becomes of a packet that a policy of the tier applies to and no rule decides about. */
  readonly defaultAction: "deny" | "pass";
}

/** Rules for endpoints that no policy has decided about, and labels for those that name it. */
export interface Profile {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}
