import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import { type Infer, object } from "../schema/index.ts";
import { RULES_OF_POLICY_RULES } from "./policy/check.ts";
import { isOfKubernetes, namespacedPolicyName } from "./policy/policy-name.ts";
import { withoutEmptyEnds } from "./policy/shown.ts";
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
  withTierLabel,
} from "./policy/tiered.ts";

const spec = object(
  { ...tieredFields, serviceAccountSelector, performanceHints },
  {
    ...tieredDescriptions,
    serviceAccountSelector: SERVICE_ACCOUNT_SELECTOR,
    performanceHints: PERFORMANCE_HINTS,
  },
);

export interface NetworkPolicySpec extends Infer<typeof spec> {}
/** Which traffic the endpoints of a namespace may have. */
export type NetworkPolicy = Resource<NetworkPolicySpec, unknown, "NetworkPolicy">;

const OF_KUBERNETES = { why: "it is made of a Kubernetes NetworkPolicy", fix: "delete that one: it goes with it" };

export const networkPolicy = defineKind<NetworkPolicy>({
  kind: "NetworkPolicy",
  description: "Which traffic endpoints of one namespace may have: rules in order, in a tier.",
  plural: "networkpolicies",
  aliases: ["np", "policy", "policies", "pol", "pols"],
  namespaced: true,
  name: namespacedPolicyName(),
  spec,
  storage: policyStorage("networkpolicies", true),
  complete: withTierLabel,
  related: ["Tier"],
  rules: {
    "What is made of a Kubernetes NetworkPolicy, by its name knp.default.…, is changed there.": checkOrigin,
    ...TIERED_RULES,
    ...RULES_OF_POLICY_RULES,
  },
  keptBy: (name) => (isOfKubernetes(name) ? OF_KUBERNETES : undefined),
  shown: withoutEmptyEnds,
  columns: COLUMNS,
  wide: WIDE,
  example: {
    name: "allow-web",
    namespace: "default",
    spec: {
      order: 100,
      selector: "app == 'web'",
      types: ["Ingress"],
      ingress: [
        {
          action: "Allow",
          protocol: "TCP",
          source: { selector: "app == 'client'" },
          destination: { ports: [80, 443, "8000:8100"] },
        },
      ],
    },
  },
});

function* checkOrigin({ metadata }: NetworkPolicy): Iterable<Problem> {
  if (!isOfKubernetes(metadata.name)) return;
  const message = "is made of a Kubernetes NetworkPolicy; change that one";
  yield { field: "metadata.name", value: metadata.name, rule: "kubernetes-policy", message };
}
