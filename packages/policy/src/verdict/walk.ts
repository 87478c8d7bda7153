import type { Endpoint } from "../model/endpoint.ts";
import type { Direction, PolicyId, Stage, StagedAction } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";

/** Whether a packet that opens a connection passes, and why: what was asked on the way, in order. */
export interface Verdict {
  readonly allowed: boolean;
  /** Where it comes from; undefined where nothing there is judged. */
  readonly egress?: Walk;
  /** Where it goes to; undefined where nothing there is judged, or it did not get so far. */
  readonly ingress?: Walk;
}

/** One side of a packet's way: what it met, up to what decided. */
export interface Walk {
  readonly direction: Direction;
  readonly allowed: boolean;
  readonly steps: readonly Step[];
}

/** What becomes of a packet by a step: `next` goes on to the next step. */
export type Outcome = "allow" | "deny" | "next";

export type Step = PolicyStep | TierStep | ProfileStep | FixedStep;

interface Common {
  readonly endpoint: Endpoint;
  /** Of the endpoint: on a sender's side what comes in by its interface is ingress of the endpoint of all interfaces. */
  readonly direction: Direction;
  readonly stage: Stage;
  readonly outcome: Outcome;
}

/** A policy that applies. */
export interface PolicyStep extends Common {
  readonly kind: "policy";
  readonly tier: string;
  readonly policy: PolicyId;
  /** The rule that matched, and decided if its policy is in force; undefined where none did. Where it stands: `rule.field`. */
  readonly rule: Rule | undefined;
  /** Rules before it that wrote to the log. */
  readonly logged: readonly Rule[];
  /** For a staged policy: it decides nothing, and `would` tells what it would have. */
  readonly staged: StagedAction | undefined;
  /** What the rule says; for one in force, what happened. `next` where none matched. */
  readonly would: "allow" | "deny" | "pass" | "next";
}

/** The end of a tier with a policy that applies, and that did not decide. */
export interface TierStep extends Common {
  readonly kind: "tier";
  readonly tier: string;
}

export interface ProfileStep extends Common {
  readonly kind: "profile";
  readonly profile: string;
  readonly rule: Rule | undefined;
  /** An endpoint names it, and it is not there: it allows nothing. */
  readonly missing: boolean;
}

/** What no policy decides. */
export interface FixedStep extends Common {
  readonly kind: "fixed";
  readonly reason: FixedReason;
}

export type FixedReason =
  /** None of the endpoint's profiles allowed it, or it has none. */
  | "no profile"
  /** A port that host endpoints' policies never close. */
  | "failsafe"
  /** Nothing with applyOnForward applies to what the host forwards. */
  | "nothing on forward"
  /** A node reaches its own workloads, for their probes. */
  | "own workload"
  /** A workload to its own node: what settings say of it, once its policies have let it pass. */
  | "endpoint to host"
  /** A tunnel's packet that a workload made itself. */
  | "tunnel from workload"
  /** What IPv6 needs to find its neighbours and routers, from a workload to its node. */
  | "neighbour discovery";
