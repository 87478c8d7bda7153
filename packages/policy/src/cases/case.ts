import type { Cluster, KubernetesPolicy, Labels } from "./cluster.ts";

/** What is done to the open cluster, one after the other; after each step every connection is tried. */
export interface Case {
  /** Unique: `peers: ingress from pods In, of namespaces Exists`. */
  readonly name: string;
  readonly steps: readonly Step[];
}

export type Step =
  /** Makes the policy, or puts it in the place of the one of its name. */
  | { readonly kind: "put"; readonly policy: KubernetesPolicy }
  | { readonly kind: "delete"; readonly namespace: string; readonly name: string }
  /** All of them, in the place of those it had. */
  | { readonly kind: "label pod"; readonly namespace: string; readonly name: string; readonly labels: Labels }
  | { readonly kind: "label namespace"; readonly name: string; readonly labels: Labels };

export function put(policy: KubernetesPolicy): Step {
  return { kind: "put", policy };
}

/** The cluster after each step. */
export function clustersOf({ steps }: Case, open: Cluster): readonly Cluster[] {
  const clusters: Cluster[] = [];
  for (const step of steps) clusters.push(after(step, clusters.at(-1) ?? open));
  return clusters;
}

function after(step: Step, cluster: Cluster): Cluster {
  switch (step.kind) {
    case "put":
      return { ...cluster, policies: [...without(step.policy.metadata, cluster), step.policy] };
    case "delete":
      return { ...cluster, policies: without(step, cluster) };
    case "label pod": {
      const { namespace, name, labels } = step;
      const relabelled = cluster.pods.map((pod) =>
        pod.namespace === namespace && pod.name === name ? { ...pod, labels } : pod,
      );
      return { ...cluster, pods: relabelled };
    }
    case "label namespace":
      return { ...cluster, namespaces: { ...cluster.namespaces, [step.name]: step.labels } };
  }
}

function without(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { policies }: Cluster,
): readonly KubernetesPolicy[] {
  return policies.filter(({ metadata }) => metadata.namespace !== namespace || metadata.name !== name);
}
