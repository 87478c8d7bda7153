import { API_VERSION, encodeStored, type NetworkPolicy, resourceKey, type WorkloadEndpoint } from "@ocicat/api";
import type { Datastore } from "@ocicat/datastore";

/** A cluster to put beside a lab's own: endpoints of which some are node1's, and policies that select them. */
export const LOCAL = 100;
const APPS = 100;
const A_TRANSACTION = 100;

export function policyKey(name: string): string {
  return resourceKey("NetworkPolicy", name, "default");
}

/** Lets in a TCP port from an application to what the selector chooses. */
export function policy(name: string, selector: string, from: string, port = 80): string {
  const resource: NetworkPolicy = {
    kind: "NetworkPolicy",
    apiVersion: API_VERSION,
    metadata: { name, namespace: "default" },
    spec: {
      tier: "default",
      order: 100,
      selector,
      types: ["Ingress"],
      ingress: [
        {
          action: "Allow",
          protocol: "TCP",
          source: { selector: `app == '${from}'` },
          destination: { ports: [port] },
        },
      ],
    },
  };
  return encodeStored(resource);
}

export function endpoint(index: number): readonly [key: string, value: string] {
  const node = index < LOCAL ? "node1" : `far${index % 97}`;
  const name = `${node}-k8s-load${index}-eth0`;
  const resource: WorkloadEndpoint = {
    kind: "WorkloadEndpoint",
    apiVersion: API_VERSION,
    metadata: {
      name,
      namespace: "default",
      labels: {
        app: `app${index % APPS}`,
        release: `r${index % 7}`,
        "projectcalico.org/namespace": "default",
        "projectcalico.org/orchestrator": "k8s",
      },
    },
    spec: {
      orchestrator: "k8s",
      node,
      pod: `load${index}`,
      endpoint: "eth0",
      containerID: index.toString(16).padStart(64, "0"),
      ipNetworks: [`10.${64 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`],
      profiles: ["bench"],
      interfaceName: `cali${index.toString(16).padStart(11, "0")}`,
      mac: "ee:ee:ee:ee:ee:ee",
    },
  };
  return [resourceKey("WorkloadEndpoint", name, "default"), encodeStored(resource)];
}

/** `policies` of them, ten for each application of a hundred where there are a thousand, and `endpoints`. */
export async function populate(store: Datastore, endpoints: number, policies: number): Promise<void> {
  const all = [
    ...Array.from({ length: endpoints }, (_, index) => endpoint(index)),
    ...Array.from({ length: policies }, (_, index): readonly [string, string] => [
      policyKey(`load${index}`),
      policy(`load${index}`, `app == 'app${index % APPS}'`, `app${(index * 7 + Math.floor(index / APPS)) % APPS}`),
    ]),
  ];
  for (let at = 0; at < all.length; at += A_TRANSACTION) {
    await store.commit({
      compares: [],
      operations: all.slice(at, at + A_TRANSACTION).map(([key, value]) => ({ put: key, value })),
    });
  }
}
