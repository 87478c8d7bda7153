import { asCreated, encodeStored } from "@ocicat/api";
import { DEFAULT_IPAM_CONFIG } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createIpam, type Ipam } from "@ocicat/ipam";
import type { ApiClient, ApiObject, ApiResource } from "@ocicat/kubernetes";
import { formatAddress } from "@ocicat/net";
import { pool } from "./fake-agent.ts";

const core = (plural: string, namespaced = true): ApiResource => ({ group: "", version: "v1", plural, namespaced });

export const NODES = core("nodes", false);
export const NAMESPACES = core("namespaces", false);
export const PODS = core("pods");
export const SERVICES = core("services");
export const SERVICE_ACCOUNTS = core("serviceaccounts");
export const POLICIES: ApiResource = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  namespaced: true,
};

/** A cluster's objects, made as its users and its kubelets make them. */
export class FakeCluster {
  readonly api: ApiClient;

  constructor(api: ApiClient) {
    this.api = api;
  }

  node(name: string, labels: Readonly<Record<string, string>> = {}): Promise<ApiObject> {
    return this.api.create(NODES, undefined, { apiVersion: "v1", kind: "Node", metadata: { name, labels } });
  }

  pod(
    name: string,
    node: string,
    more: { readonly labels?: object; readonly account?: string } = {},
  ): Promise<ApiObject> {
    const containers = [{ name: "c", image: "pause" }];
    return this.api.create(PODS, "default", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: more.labels ?? {} },
      // Nobody waits for a kubelet here.
      spec: {
        nodeName: node,
        containers,
        terminationGracePeriodSeconds: 0,
        ...(more.account ? { serviceAccountName: more.account } : {}),
      },
    });
  }

  /** What the plugin and the kubelet say of a pod that runs. */
  async runs(name: string, container: string, address: string): Promise<void> {
    const annotations = {
      "cni.projectcalico.org/containerID": container,
      "cni.projectcalico.org/podIP": `${address}/32`,
      "cni.projectcalico.org/podIPs": `${address}/32`,
    };
    const status = { phase: "Running", podIP: address, podIPs: [{ ip: address }] };
    await this.#status(name, { metadata: { annotations }, status });
  }

  /** A Job's pod: it stays, and its container does not. */
  async ends(name: string): Promise<void> {
    await this.#status(name, { status: { phase: "Succeeded" } });
  }

  async deletePod(name: string): Promise<void> {
    await this.api.delete(PODS, { namespace: "default", name });
  }

  service(name: string, spec: object = {}, annotations: object = {}): Promise<ApiObject> {
    return this.api.create(SERVICES, "default", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, annotations },
      spec: { type: "LoadBalancer", ports: [{ port: 80 }], ...spec },
    });
  }

  /** What a service's status tells. */
  async told(name: string): Promise<readonly string[]> {
    const service = await this.api.get(SERVICES, { namespace: "default", name });
    const { loadBalancer } = (service?.["status"] ?? {}) as { loadBalancer?: { ingress?: { ip: string }[] } };
    return (loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  }

  async #status(name: string, patch: object): Promise<void> {
    await this.api.patch(PODS, { namespace: "default", name }, patch, { subresource: "status" });
  }
}

/** Addresses as a node's agent takes them, and nothing besides. */
export function ipamOf(store: Datastore, node: string): Ipam {
  const settings = { pools: [pool("default", "10.0.0.0/24")], reservations: [], config: DEFAULT_IPAM_CONFIG };
  return createIpam({ store, node, clock: systemClock, random: systemRandom, settings: () => settings });
}

/** An address for a container; what its pod says of it comes later, or never. */
export async function assign(ipam: Ipam, pod: string, container: string): Promise<string> {
  const [assigned] = await ipam.autoAssign({
    handleId: `k8s-pod-network.${container}`,
    attributes: { pod, namespace: "default" },
    wants: [{ family: 4 }],
  });
  return assigned === undefined ? "" : formatAddress(assigned.address);
}

export async function put(
  store: Datastore,
  plural: string,
  kind: string,
  name: string,
  spec: object,
  metadata: object = {},
): Promise<void> {
  const resource = { kind, apiVersion: "projectcalico.org/v3", metadata: { name, ...metadata }, spec } as const;
  const value = encodeStored(asCreated(resource, { uid: `uid-${name}`, now: 0 }));
  await store.put(`/calico/resources/v3/projectcalico.org/${plural}/${name}`, value);
}
