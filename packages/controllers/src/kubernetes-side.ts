import { KUBERNETES_OBJECTS } from "@ocicat/api";
import type { ApiClient, KubernetesDatastore } from "@ocicat/kubernetes";
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
