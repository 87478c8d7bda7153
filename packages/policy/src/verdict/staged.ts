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
 * The model as if what is staged were in force, all of it or what is meant: what is set is there, in the place of the one of
 * its name; what is deleted is gone. What is learnt or ignored changes nothing.
 */
export function withStaged(model: PolicyModel, isMeant: (policy: Policy) => boolean = () => true): PolicyModel {
  const moving = new Set(
    model.policies.filter((policy) => (policy.staged === "set" || policy.staged === "delete") && isMeant(policy)),
  );
  const put = [...moving].filter(({ staged }) => staged === "set").map((policy) => inForce(policy, model));
  const replaced = new Map([...moving].flatMap(stagedFor).map((id) => [id, put.find((policy) => policy.id === id)]));
  const present = new Set(model.policies.map(({ id }) => id));
  const kept = model.policies
    .filter((policy) => !moving.has(policy))
    .flatMap((policy) => (replaced.has(policy.id) ? (replaced.get(policy.id) ?? []) : [policy]));
  return { ...model, policies: [...kept, ...put.filter(({ id }) => !present.has(id))] };
}

/** By the name of the one that it stands for. */
function inForce(policy: Policy, { policies }: PolicyModel): Policy {
  const ids = stagedFor(policy);
  const id = ids.find((candidate) => policies.some((other) => other.id === candidate)) ?? ids[0] ?? policy.id;
  const space = id.indexOf(" ");
  return { ...policy, id, resource: { kind: id.slice(0, space), name: id.slice(space + 1) }, staged: undefined };
}
