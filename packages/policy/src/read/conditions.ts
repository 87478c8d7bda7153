import type { ResourceRef } from "@ocicat/kit";
import type { PolicyModel } from "../model/model.ts";
import type { Policy, Profile } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";

/** Something that was not enforced as it was written, since it could not be understood: it closes instead. */
export interface Condition {
  readonly resource: ResourceRef;
  /** `spec.ingress[2]`; `spec` for all of it. */
  readonly field: string;
  /** What cannot be understood. */
  readonly why: string;
  /** What is done in its place. */
  readonly effect: string;
  readonly fix: string;
}

const FIX = "correct it: `ocicat validate` tells what is wrong with a file before it is applied";

/** What of a policy closes instead of doing what it says. */
export function conditionsOf({ resource, unreadable, ingress, egress }: Policy): readonly Condition[] {
  if (unreadable !== undefined) {
    const effect = "everything is denied to what it applies to";
    return [{ resource, field: "spec", why: unreadable, effect, fix: FIX }];
  }
  return conditionsOfRules(resource, [...ingress, ...egress]);
}

export function conditionsOfProfile({ name, ingress, egress }: Profile): readonly Condition[] {
  return conditionsOfRules({ kind: "Profile", name }, [...ingress, ...egress]);
}

/** Of all that is in the model; also that a policy's tier does not exist. */
export function conditionsOfModel({ policies, profiles, tiers }: Pick<PolicyModel, "policies" | "profiles" | "tiers">) {
  const known = new Set(tiers.map(({ name }) => name));
  const homeless = policies
    .filter(({ tier }) => !known.has(tier))
    .map(({ resource, tier }): Condition => {
      const effect = "it comes after all tiers, and denies what it applies to and no rule allows";
      const fix = `create the tier: ocicat apply of a Tier named ${tier}`;
      return { resource, field: "spec.tier", why: `there is no tier ${tier}`, effect, fix };
    });
  return [...policies.flatMap(conditionsOf), ...profiles.flatMap(conditionsOfProfile), ...homeless];
}

function conditionsOfRules(resource: ResourceRef, rules: readonly Rule[]): readonly Condition[] {
  return rules.flatMap(({ field, broken, closed, action }): readonly Condition[] => {
    if (broken !== undefined) return [{ resource, field, why: broken, effect: `it ${action}s nothing`, fix: FIX }];
    if (closed === undefined) return [];
    return [{ resource, field, why: closed, effect: "it denies everything that comes to it", fix: FIX }];
  });
}
