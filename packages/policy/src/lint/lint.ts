import type { PolicyModel } from "../model/model.ts";
import { conditionsOfModel } from "../read/conditions.ts";
import type { LintFinding, LintSeverity } from "./finding.ts";
import { lintPolicy, lintTier } from "./policies.ts";
import { lintRules } from "./rules.ts";

const RANK: Readonly<Record<LintSeverity, number>> = { error: 0, warning: 1, hint: 2 };

/**
 * What in the policies is hardly meant as it is: what is not enforced as written, what never comes to pass, what opens or
 * closes more than it seems to. The gravest first, then in the model's order.
 */
export function lint(model: PolicyModel): readonly LintFinding[] {
  const findings = [
    ...unreadable(model),
    ...model.tiers.flatMap((tier) => [...lintTier(tier, model)]),
    ...model.policies.flatMap((policy) => [...lintPolicy(policy, model), ...lintRules(policy, model)]),
  ];
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

function unreadable(model: PolicyModel): readonly LintFinding[] {
  return conditionsOfModel(model).map(({ resource, field, why, effect, fix }) => ({
    code: "unreadable",
    severity: "error",
    resource,
    field,
    what: why,
    why: `in its place ${effect}`,
    fix,
  }));
}
