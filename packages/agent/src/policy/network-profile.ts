import { API_VERSION, type Profile, resourceKey } from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import type { EndpointIdentity } from "@ocicat/cni";
import type { Datastore } from "@ocicat/datastore";
import type { Table } from "../tables/table.ts";

/**
 * The profile that a network's endpoints name, as Calico's plugin makes it where it is not there: everything may go out; with
 * Kubernetes everything may come in, without it what comes from endpoints of the same network.
 */
export function networkProfile(network: string, orchestrator: EndpointIdentity["orchestrator"]): Profile {
  const anything = { action: "Allow", source: {}, destination: {} } as const;
  const neighbours = { ...anything, source: { selector: `has(${network})` } };
  return {
    kind: "Profile",
    apiVersion: API_VERSION,
    metadata: { name: network },
    spec: {
      ingress: [orchestrator === "k8s" ? anything : neighbours],
      egress: [anything],
      labelsToApply: { [network]: "" },
    },
  };
}

/**
 * Makes it where the table has none, and puts it there ahead of the watch. One that somebody else has made meanwhile is left
 * as it is, and read. Throws ResourceError.
 */
export async function ensureProfile(
  {
    store,
    client,
    table,
  }: {
    readonly store: Datastore;
    readonly client: ResourceClient;
    readonly table: Pick<Table<unknown>, "get" | "put">;
  },
  wanted: Profile,
): Promise<void> {
  const key = resourceKey(wanted.kind, wanted.metadata.name);
  if (table.get(key) !== undefined) return;
  try {
    await client.create(wanted);
  } catch (error) {
    if (!(error instanceof ResourceError && error.code === "RESOURCE_EXISTS")) throw error;
  }
  const item = await store.get(key);
  if (item !== undefined) table.put(item);
}
