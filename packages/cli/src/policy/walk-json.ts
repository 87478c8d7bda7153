import { describeRule, type PolicyId, type Rule, type Step, type Walk } from "@ocicat/policy";
import type { PolicyPlaces } from "./with-manifests.ts";

/** `web.yaml line 12`; undefined where the policy did not come from a file. */
export function placeIn(places: PolicyPlaces): (policy: PolicyId, field: string) => string | undefined {
  return (policy, field) => {
    const place = places.get(policy);
    return place === undefined ? undefined : `${place.file} line ${place.placeOf(field).line}`;
  };
}

/** One side of a packet's way, for programs. */
export function walkJson(walk: Walk | undefined, places: PolicyPlaces) {
  return walk === undefined ? null : { allowed: walk.allowed, steps: walk.steps.map((step) => stepJson(step, places)) };
}

function stepJson(step: Step, places: PolicyPlaces) {
  const { kind, endpoint, direction, stage, outcome } = step;
  const name = endpoint.kind === "workload" ? endpoint.workload : endpoint.id;
  const common = { kind, endpoint: name, direction, stage, outcome };
  switch (step.kind) {
    case "policy": {
      const { tier, policy, rule, staged = null, would } = step;
      const place = rule === undefined ? null : (placeIn(places)(policy, rule.field) ?? null);
      return { ...common, tier, policy, rule: ruleJson(rule), place, staged, would };
    }
    case "tier":
      return { ...common, tier: step.tier };
    case "profile":
      return { ...common, profile: step.profile, rule: ruleJson(step.rule), missing: step.missing };
    case "fixed":
      return { ...common, reason: step.reason };
  }
}

function ruleJson(rule: Rule | undefined) {
  return rule === undefined ? null : { field: rule.field, action: rule.action, text: describeRule(rule) };
}

/** `NetworkPolicy default/db spec.ingress[0]`, `end of the tier default`: who decided, in as few words as it takes. */
export function decidedBy(step: Step): string {
  switch (step.kind) {
    case "policy":
      return step.rule === undefined ? step.policy : `${step.policy} ${step.rule.field}`;
    case "tier":
      return `end of the tier ${step.tier}`;
    case "profile":
      return step.rule === undefined ? `Profile ${step.profile}` : `Profile ${step.profile} ${step.rule.field}`;
    case "fixed":
      return step.reason;
  }
}
