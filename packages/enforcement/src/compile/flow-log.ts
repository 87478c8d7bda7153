import { type Expression, logTo } from "@ocicat/nftables";
import type { Direction } from "@ocicat/policy";
import { digest } from "./names.ts";

/** NFLOG's groups, Calico's: what comes in, what goes out. */
export const FLOW_GROUPS: Readonly<Record<Direction, number>> = { ingress: 1, egress: 2 };

/** What decided about a packet, as far as NFLOG's prefix says it. */
export interface FlowDecision {
  readonly action: "allow" | "deny" | "pass";
  readonly direction: Direction;
  /** `policy`: a rule of one, or with no rule a tier's end. `profile`: a rule of one, or with no rule the end of all of them. */
  readonly owner: "policy" | "profile";
  /** Counted from 0; undefined: no rule, the end of what was asked. */
  readonly rule: number | undefined;
  /** The policy's id, the profile's or the tier's name; `#` and its digest where that is too long. "" at the end of all profiles. */
  readonly name: string;
}

/** NF_LOG_PREFIXLEN is 128, but nfnetlink_log's readers agree on 64 with the terminating NUL. */
const LONGEST = 63;

const ACTIONS = { allow: "A", deny: "D", pass: "P" } as const;
const OWNERS = { policy: "P", profile: "R" } as const;
const DIRECTIONS = { ingress: "I", egress: "E" } as const;

/**
 *     A P I 3 | NetworkPolicy default/web
 *     │ │ │ └ rule, absent at the end of a tier or of all profiles
 *     │ │ └── I(ngress), E(gress)
 *     │ └──── P(olicy), p(R)ofile
 *     └────── A(llow), D(eny), P(ass)
 */
export function flowPrefix({ action, owner, direction, rule, name }: FlowDecision): string {
  const head = `${ACTIONS[action]}${OWNERS[owner]}${DIRECTIONS[direction]}${rule ?? ""}|`;
  return `${head}${shortName(name, LONGEST - 8)}`;
}

/** Undefined for a prefix that is not ours. */
export function parseFlowPrefix(prefix: string): FlowDecision | undefined {
  const parts = /^([ADP])([PR])([IE])(\d*)\|(.*)$/.exec(prefix);
  if (parts === null) return undefined;
  const [, action, owner, direction, rule = "", name = ""] = parts;
  return {
    action: action === "A" ? "allow" : action === "D" ? "deny" : "pass",
    owner: owner === "P" ? "policy" : "profile",
    direction: direction === "I" ? "ingress" : "egress",
    rule: rule === "" ? undefined : Number(rule),
    name,
  };
}

/** As it stands in a prefix: who reads prefixes keeps a table of these. */
export function flowName(name: string): string {
  return shortName(name, LONGEST - 8);
}

export function logFlow(decision: FlowDecision): Expression {
  return logTo(FLOW_GROUPS[decision.direction], flowPrefix(decision));
}

/** Also where the length is just reached, so that nobody can name a policy like another's digest. */
function shortName(name: string, longest: number): string {
  return name.length < longest && !name.startsWith("#") ? name : `#${digest(name)}`;
}
