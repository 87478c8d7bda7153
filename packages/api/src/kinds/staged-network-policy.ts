import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { type Infer, object } from "../schema/index.ts";
import { RULES_OF_POLICY_RULES } from "./policy/check.ts";
import { namespacedPolicyName } from "./policy/policy-name.ts";
import { withoutEmptyEnds } from "./policy/shown.ts";
import { completeStaged, STAGED_ACTION, STAGED_RULES, stagedAction } from "./policy/staged.ts";
import { policyStorage } from "./policy/stored-name.ts";
import {
  COLUMNS,
  PERFORMANCE_HINTS,
  performanceHints,
  SERVICE_ACCOUNT_SELECTOR,
  serviceAccountSelector,
  TIERED_RULES,
  tieredDescriptions,
  tieredFields,
  WIDE,
} from "./policy/tiered.ts";

const spec = object(
  { stagedAction, ...tieredFields, serviceAccountSelector, performanceHints },
  {
    stagedAction: STAGED_ACTION,
    ...tieredDescriptions,
    serviceAccountSelector: SERVICE_ACCOUNT_SELECTOR,
    performanceHints: PERFORMANCE_HINTS,
  },
);

export interface StagedNetworkPolicySpec extends Infer<typeof spec> {}
/** A NetworkPolicy to be tried: what it would do is told, and not done. */
export type StagedNetworkPolicy = Resource<StagedNetworkPolicySpec, unknown, "StagedNetworkPolicy">;

export const stagedNetworkPolicy = defineKind<StagedNetworkPolicy>({
  kind: "StagedNetworkPolicy",
  description: "A NetworkPolicy to be tried: what it would do to traffic is told, and not done.",
  plural: "stagednetworkpolicies",
  aliases: ["snp", "stagedpolicy", "stagedpolicies", "spol", "spols"],
  namespaced: true,
  name: namespacedPolicyName(),
  spec,
  storage: policyStorage("stagednetworkpolicies", true),
  complete: completeStaged,
  related: ["Tier"],
  rules: { ...STAGED_RULES, ...TIERED_RULES, ...RULES_OF_POLICY_RULES },
  shown: withoutEmptyEnds,
  columns: COLUMNS,
  wide: WIDE,
  example: {
    name: "allow-web",
    namespace: "default",
    spec: { stagedAction: "Set", selector: "app == 'web'", ingress: [{ action: "Allow", protocol: "TCP" }] },
  },
});
