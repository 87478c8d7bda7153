import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { OcicatError } from "@ocicat/kit";
import { type Answered, ApiError, type ApiResource, KubernetesDatastore, readKubeconfig } from "@ocicat/kubernetes";
import { resourceDefinitions } from "@ocicat/kubernetes/crd";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";

const DEFINITIONS: ApiResource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  namespaced: false,
};

export const PODS: ApiResource = { group: "", version: "v1", plural: "pods", namespaced: true };

/** A real API server with our definitions, whose pods are whatever a test says: nobody runs them. */
export async function startCluster(): Promise<PrivateControlPlane> {
  const cluster = await PrivateControlPlane.start({
    extra: { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] },
  });
  const { api, ...store } = opened(cluster);
  try {
    const definitions = resourceDefinitions("crd.projectcalico.org/v1");
    await Promise.all(definitions.map((definition) => api.create(DEFINITIONS, undefined, definition)));
    for (const { metadata } of definitions) {
      const [plural = ""] = metadata.name.split(".");
      await served(() => api.list({ group: "crd.projectcalico.org", version: "v1", plural, namespaced: false }, {}));
    }
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    await store.close();
  }
}

async function served(list: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await list();
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function opened(cluster: PrivateControlPlane) {
  const store = openStore(cluster);
  return { api: store.api, close: () => store.close() };
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
