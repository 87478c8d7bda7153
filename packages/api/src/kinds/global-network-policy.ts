import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { type Infer, object } from "../schema/index.ts";
import { RULES_OF_POLICY_RULES } from "./policy/check.ts";
import { GLOBAL_RULES, globalDescriptions, globalFields } from "./policy/global.ts";
import { policyName } from "./policy/policy-name.ts";
import { withoutEmptyEnds } from "./policy/shown.ts";
import { policyStorage } from "./policy/stored-name.ts";
import { COLUMNS, TIERED_RULES, WIDE, withTierLabel } from "./policy/tiered.ts";

const spec = object(globalFields, globalDescriptions);

export interface GlobalNetworkPolicySpec extends Infer<typeof spec> {}
/** Which traffic endpoints of any namespace, and of hosts, may have. */
export type GlobalNetworkPolicy = Resource<GlobalNetworkPolicySpec, unknown, "GlobalNetworkPolicy">;

export const globalNetworkPolicy = defineKind<GlobalNetworkPolicy>({
  kind: "GlobalNetworkPolicy",
  description: "Which traffic endpoints of all namespaces, and of hosts, may have: rules in order, in a tier.",
  plural: "globalnetworkpolicies",
  aliases: ["gnp", "gnps"],
  namespaced: false,
  name: policyName(),
  spec,
  storage: policyStorage("globalnetworkpolicies", false),
  complete: withTierLabel,
  related: ["Tier"],
  rules: { ...TIERED_RULES, ...GLOBAL_RULES, ...RULES_OF_POLICY_RULES },
  shown: withoutEmptyEnds,
  columns: COLUMNS,
  wide: WIDE,
  example: {
    name: "deny-metadata",
    spec: {
      order: 10,
      selector: "all()",
      types: ["Egress"],
      egress: [{ action: "Deny", protocol: "TCP", destination: { nets: ["169.254.169.254/32"] } }, { action: "Pass" }],
    },
  },
});
