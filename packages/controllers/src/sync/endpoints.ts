import { type WorkloadEndpoint, workloadEndpoint } from "@ocicat/api";
import type { Controller } from "./controller.ts";

const ENDPOINTS = workloadEndpoint.storage.prefix();

/**
 * What of a pod can change while it runs: labels and service account. Endpoints themselves are made and deleted by the
 * plugin, and by garbage collection; this only follows.
 */
export const workloadEndpoints: Controller = {
  name: "workloadendpoint",
  reads: { kubernetes: [ENDPOINTS], store: [ENDPOINTS] },
  subjects: (_side, key) => (key.startsWith(ENDPOINTS) ? [key] : []),
  *plan(key, { kubernetes, store }) {
    const [pod, present] = [kubernetes.read(workloadEndpoint, key), store.read(workloadEndpoint, key)];
    if (pod === undefined || present === undefined) return;
    yield { key, resource: following(present, pod), why: "the pod's labels and service account are so" };
  },
};

function following(present: WorkloadEndpoint, pod: WorkloadEndpoint): WorkloadEndpoint {
  const { labels: _, ...metadata } = present.metadata;
  const { serviceAccountName: _account, profiles = [], ...spec } = present.spec;
  const { labels } = pod.metadata;
  const { serviceAccountName, profiles: podProfiles = [] } = pod.spec;
  return {
    ...present,
    metadata: labels === undefined ? metadata : { ...metadata, labels },
    spec: {
      ...spec,
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
      // An endpoint of a network that does not follow Kubernetes has profiles of other names: they stay.
      profiles: profiles.some(isOfKubernetes)
        ? [...podProfiles, ...profiles.filter((name) => !isOfKubernetes(name))]
        : profiles,
    },
  };
}

function isOfKubernetes(profile: string): boolean {
  return profile.startsWith("kns.") || profile.startsWith("ksa.");
}
