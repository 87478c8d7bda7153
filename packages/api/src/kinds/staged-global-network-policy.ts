import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { type Infer, object } from "../schema/index.ts";
import { RULES_OF_POLICY_RULES } from "./policy/check.ts";
import { GLOBAL_RULES, globalDescriptions, globalFields } from "./policy/global.ts";
import { policyName } from "./policy/policy-name.ts";
import { withoutEmptyEnds } from "./policy/shown.ts";
import { completeStaged, STAGED_ACTION, STAGED_RULES, stagedAction } from "./policy/staged.ts";
import { policyStorage } from "./policy/stored-name.ts";
import { COLUMNS, TIERED_RULES, WIDE } from "./policy/tiered.ts";

const spec = object({ stagedAction, ...globalFields }, { stagedAction: STAGED_ACTION, ...globalDescriptions });

export interface StagedGlobalNetworkPolicySpec extends Infer<typeof spec> {}
/** A GlobalNetworkPolicy to be tried: what it would do is told, and not done. */
export type StagedGlobalNetworkPolicy = Resource<StagedGlobalNetworkPolicySpec, unknown, "StagedGlobalNetworkPolicy">;

export const stagedGlobalNetworkPolicy = defineKind<StagedGlobalNetworkPolicy>({
  kind: "StagedGlobalNetworkPolicy",
  description: "A GlobalNetworkPolicy to be tried: what it would do to traffic is told, and not done.",
  plural: "stagedglobalnetworkpolicies",
  aliases: ["sgnp", "sgnps"],
  namespaced: false,
  name: policyName(),
  spec,
  storage: policyStorage("stagedglobalnetworkpolicies", false),
  complete: completeStaged,
  related: ["Tier"],
  rules: { ...STAGED_RULES, ...TIERED_RULES, ...GLOBAL_RULES, ...RULES_OF_POLICY_RULES },
  shown: withoutEmptyEnds,
  columns: COLUMNS,
  wide: WIDE,
  example: { name: "deny-metadata", spec: { stagedAction: "Delete" } },
});
