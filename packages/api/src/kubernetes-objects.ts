import { resourceStorage, type Storage } from "./storage.ts";

/** An object of Kubernetes that is read as it is: its JSON stands under its own key. */
export interface KubernetesObjectKind {
  readonly kind: string;
  readonly apiVersion: string;
  /** As Kubernetes calls it: `networkpolicies`. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly storage: Storage;
}

/** Under Calico's names for them, with `kubernetes` before: `…/kubernetesnetworkpolicies/default/deny-all`. */
export const KUBERNETES_OBJECTS = {
  networkPolicy: of("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies", true, "kubernetesnetworkpolicies"),
  clusterNetworkPolicy: of(
    "ClusterNetworkPolicy",
    "policy.networking.k8s.io/v1alpha2",
    "clusternetworkpolicies",
    false,
    "kubernetesclusternetworkpolicies",
  ),
  service: of("Service", "v1", "services", true, "kubernetesservice"),
  endpointSlice: of("EndpointSlice", "discovery.k8s.io/v1", "endpointslices", true, "kubernetesendpointslices"),
} as const;

function of(
  kind: string,
  apiVersion: string,
  plural: string,
  namespaced: boolean,
  stored: string,
): KubernetesObjectKind {
  return Object.freeze({ kind, apiVersion, plural, namespaced, storage: resourceStorage(stored, namespaced) });
}
