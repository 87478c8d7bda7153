import { policyId } from "../model/ids.ts";
import type { PolicyModel } from "../model/model.ts";
import type { Policy, PolicyId } from "../model/policy.ts";

/** Which kinds are staged for which: a Kubernetes policy stands in the datastore under a name of its own, too. */
const ENFORCED: Readonly<Record<string, (namespace: string | undefined, name: string) => readonly PolicyId[]>> = {
  StagedNetworkPolicy: (namespace, name) => [policyId("NetworkPolicy", namespace, name)],
  StagedGlobalNetworkPolicy: (namespace, name) => [policyId("GlobalNetworkPolicy", namespace, name)],
  StagedKubernetesNetworkPolicy: (namespace, name) => [
    policyId("KubernetesNetworkPolicy", namespace, name),
    policyId("NetworkPolicy", namespace, `knp.default.${name}`),
  ],
};

/** The policies that enforcing a staged one would replace or remove, if they are there. */
export function stagedFor({ resource, namespace }: Policy): readonly PolicyId[] {
  const name = namespace === undefined ? resource.name : resource.name.slice(namespace.length + 1);
  return ENFORCED[resource.kind]?.(namespace, name) ?? [];
}

/**
 * The model as if all that is staged were in force: what is set is there, in the place of the one of its name; what is
 * deleted is gone. What is learnt or ignored changes nothing.
 */
export function withStaged(model: PolicyModel): PolicyModel {
  const moving = model.policies.filter(({ staged }) => staged === "set" || staged === "delete");
  const replaced = new Set(moving.flatMap(stagedFor));
  const kept = model.policies.filter(({ id, staged }) => !replaced.has(id) && staged !== "set" && staged !== "delete");
  const set = moving.filter(({ staged }) => staged === "set").map((policy) => ({ ...policy, staged: undefined }));
  return { ...model, policies: [...kept, ...set] };
}
