import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { OcicatError } from "@ocicat/kit";
import { type Answered, type ApiResource, KubernetesDatastore, readKubeconfig } from "@ocicat/kubernetes";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { startCluster as startDefined } from "../../../kubernetes/test/support/cluster.ts";

export const PODS: ApiResource = { group: "", version: "v1", plural: "pods", namespaced: true };

/** A real API server with our definitions, whose pods are whatever a test says: nobody runs them. */
export function startCluster(): Promise<PrivateControlPlane> {
  const extra = { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] };
  return startDefined({ extra }, ["crd.projectcalico.org/v1"]);
}

export function openStore(cluster: PrivateControlPlane, onAnswer?: (answer: Answered) => void): KubernetesDatastore {
  const target = readKubeconfig(cluster.kubeconfig);
  const time = { clock: systemClock, random: systemRandom };
  return new KubernetesDatastore({ target, ...time, ...(onAnswer === undefined ? {} : { onAnswer }) });
}

/** A pod that a scheduler has given to a node; its uid. */
export async function createPod(
  store: KubernetesDatastore,
  name: string,
  more: { readonly annotations?: Readonly<Record<string, string>>; readonly node?: string } = {},
): Promise<string> {
  const { node = "node1", annotations = {} } = more;
  const spec = { nodeName: node, containers: [{ name: "main", image: "none" }] };
  const metadata = { name, namespace: "default", annotations };
  const pod = await store.api.create(PODS, "default", { apiVersion: "v1", kind: "Pod", metadata, spec });
  return pod.metadata.uid;
}

/** At once, as nobody runs it. */
export async function deletePod(store: KubernetesDatastore, name: string): Promise<void> {
  const pod = await store.api.get(PODS, { namespace: "default", name });
  if (pod === undefined) throw new OcicatError({ code: "TEST", what: `there is no pod ${name}` });
  await store.api.patch(PODS, { namespace: "default", name }, { metadata: { finalizers: null } });
  await store.api.delete(PODS, { namespace: "default", name }, {}, 0);
}
