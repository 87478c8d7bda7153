import type { PolicyModel } from "../model/model.ts";
import type { Rule } from "../model/rule.ts";

/** Every rule of policies and profiles. */
export function* rulesOf({ policies, profiles }: Pick<PolicyModel, "policies" | "profiles">): Iterable<Rule> {
  for (const { ingress, egress } of [...policies, ...profiles]) {
    yield* ingress;
    yield* egress;
  }
}
