import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { choice, defaulted, type Infer, list, object, optional } from "../schema/index.ts";
import { KUBERNETES_RULES } from "./policy/check-kubernetes.ts";
import { egressRule, formatLabelSelector, ingressRule, labelSelector } from "./policy/kubernetes.ts";
import { STAGED_ACTION, STAGED_RULES, stagedAction } from "./policy/staged.ts";

const spec = object(
  {
    stagedAction,
    podSelector: defaulted(labelSelector, {}),
    ingress: optional(list(ingressRule), []),
    egress: optional(list(egressRule), []),
    policyTypes: optional(list(choice("Ingress", "Egress"), { unique: true }), []),
  },
  {
    stagedAction: STAGED_ACTION,
    podSelector: "Which pods of the namespace the policy applies to; all unless told.",
    ingress: "What may come in.",
    egress: "What may go out.",
    policyTypes:
      "In which direction a pod is closed but for what rules allow; Ingress unless told, and Egress if it has rules.",
  },
);

export interface StagedKubernetesNetworkPolicySpec extends Infer<typeof spec> {}
/** A Kubernetes NetworkPolicy to be tried: what it would do is told, and not done. */
export type StagedKubernetesNetworkPolicy = Resource<
  StagedKubernetesNetworkPolicySpec,
  unknown,
  "StagedKubernetesNetworkPolicy"
>;

export const stagedKubernetesNetworkPolicy = defineKind<StagedKubernetesNetworkPolicy>({
  kind: "StagedKubernetesNetworkPolicy",
  description: "A Kubernetes NetworkPolicy to be tried: what it would do to traffic is told, and not done.",
  plural: "stagedkubernetesnetworkpolicies",
  aliases: ["sknp", "stagedkubernetespolicy", "stagedkubernetespolicies", "skpol", "skpols"],
  namespaced: true,
  spec,
  rules: { ...STAGED_RULES, ...KUBERNETES_RULES },
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "PODSELECTOR", cell: ({ spec }) => formatLabelSelector(spec.podSelector) },
  ],
  example: {
    name: "allow-web",
    namespace: "default",
    spec: {
      podSelector: { matchLabels: { app: "web" } },
      ingress: [
        { ports: [{ protocol: "TCP", port: 80 }], from: [{ podSelector: { matchLabels: { app: "client" } } }] },
      ],
    },
  },
});
