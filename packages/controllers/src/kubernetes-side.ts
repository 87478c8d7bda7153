import { KUBERNETES_OBJECTS } from "@ocicat/api";
import type { ApiClient, KubernetesDatastore } from "@ocicat/kubernetes";
import { asKubernetes, connectionOf, type OpenOptions, openDatastore, settingsFromEnv } from "@ocicat/kubernetes/open";
import { leaseAt } from "./election/lease-object.ts";
import type { TellAddresses } from "./load-balancer/load-balancer.ts";
import type { KubernetesSide } from "./surroundings.ts";

/** Where the Lease is unless told: where Calico's own controllers are in its manifest. */
const NAMESPACE = "kube-system";
const LEASE = "ocicat-controllers";

/** A cluster, as the controllers meet it. `env` says in which namespace they are themselves (POD_NAMESPACE). */
export function kubernetesSide(
  rows: KubernetesDatastore,
  env: Readonly<Record<string, string | undefined>>,
): KubernetesSide {
  const namespace = env.POD_NAMESPACE || NAMESPACE;
  return { rows, tell: tellAddresses(rows.api), lease: leaseAt(rows.api, { namespace, name: LEASE }) };
}

/**
 * The cluster that runs beside a datastore of another kind: as the environment says (KUBECONFIG, K8S_API_ENDPOINT), or the one
 * that this runs in. Undefined: there is none. Throws OcicatError KUBERNETES_CONFIG.
 */
export async function kubernetesBeside(
  env: Readonly<Record<string, string | undefined>>,
  options: OpenOptions,
): Promise<KubernetesDatastore | undefined> {
  const settings = settingsFromEnv(env);
  const { kubeconfig, kubeconfigInline, k8sAPIEndpoint } = settings;
  const isInCluster = env.KUBERNETES_SERVICE_HOST !== undefined && env.KUBERNETES_SERVICE_HOST !== "";
  if (!isInCluster && (kubeconfig ?? kubeconfigInline ?? k8sAPIEndpoint) === undefined) return undefined;
  const connection = await connectionOf({ ...settings, datastoreType: "kubernetes" }, env, "the environment");
  return asKubernetes(await openDatastore(connection, options));
}

/** The uid makes it a write of that very service, and not of one made anew under its name. */
function tellAddresses(api: Pick<ApiClient, "patch">): TellAddresses {
  const { plural, namespaced } = KUBERNETES_OBJECTS.service;
  const services = { group: "", version: "v1", plural, namespaced };
  return async ({ namespace, name, uid }, addresses) => {
    const ingress = addresses.map((ip) => ({ ip }));
    const patch = { metadata: { uid }, status: { loadBalancer: { ingress } } };
    await api.patch(services, { namespace, name }, patch, { subresource: "status" });
  };
}
