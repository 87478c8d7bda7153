import { policyId } from "../model/ids.ts";
import type { PolicyModel } from "../model/model.ts";
import type { Policy } from "../model/policy.ts";
import { KUBERNETES_POLICY } from "../read/kubernetes.ts";

/** What a staged policy of each kind becomes. */
const ENFORCED: Readonly<Record<string, string>> = {
  StagedNetworkPolicy: "NetworkPolicy",
  StagedGlobalNetworkPolicy: "GlobalNetworkPolicy",
  StagedKubernetesNetworkPolicy: KUBERNETES_POLICY,
};

/** The model as it would be with staged policies enforced: put there, over one of the same name, or taken away. */
export function withStagedEnforced(model: PolicyModel, isMeant: (policy: Policy) => boolean): PolicyModel {
  const meant = model.policies.filter((policy) => policy.staged !== undefined && isMeant(policy));
  const put = new Map(
    meant.filter(({ staged }) => staged === "set").map((policy) => [enforced(policy).id, enforced(policy)]),
  );
  const removed = new Set(meant.filter(({ staged }) => staged === "delete").map((policy) => enforced(policy).id));
  const done = new Set(meant.filter(({ staged }) => staged === "set" || staged === "delete"));
  const kept = model.policies
    .filter((policy) => !done.has(policy) && !removed.has(policy.id))
    .map((policy) => put.get(policy.id) ?? policy);
  const present = new Set(kept.map(({ id }) => id));
  return { ...model, policies: [...kept, ...[...put.values()].filter(({ id }) => !present.has(id))] };
}

/** The policy that a staged one stands for. */
export function enforced(policy: Policy): Policy {
  const { namespace, resource } = policy;
  const kind = ENFORCED[resource.kind] ?? resource.kind;
  const name = namespace === undefined ? resource.name : resource.name.slice(namespace.length + 1);
  return { ...policy, id: policyId(kind, namespace, name), resource: { ...resource, kind }, staged: undefined };
}
