import type { Check } from "./check.ts";
import { CHECKS } from "./checks.ts";
import type { NodeFacts } from "./facts.ts";
import type { Finding } from "./finding.ts";

/** What came of looking at one node. */
export interface Diagnosis {
  readonly node: string;
  /** The gravest first. */
  readonly findings: readonly Finding[];
  /** Checks that could not look, with why. */
  readonly notLooked: readonly { readonly code: string; readonly why: string }[];
}

/** Every check on the facts of one node. */
export function diagnose(facts: NodeFacts, checks: readonly Check[] = CHECKS): Diagnosis {
  const findings: Finding[] = [];
  const notLooked: { code: string; why: string }[] = [];
  for (const check of checks) {
    const why = check.needs.flatMap((name) => {
      const fact = facts[name];
      return fact.ok ? [] : [fact.why];
    })[0];
    if (why === undefined) findings.push(...check.look(facts));
    else notLooked.push({ code: check.code, why });
  }
  return { node: facts.node, findings: findings.toSorted(byGravity), notLooked };
}

const GRAVITY = { error: 0, warning: 1 } as const;

function byGravity(a: Finding, b: Finding): number {
  return GRAVITY[a.severity] - GRAVITY[b.severity];
}
