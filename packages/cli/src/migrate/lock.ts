import { API_VERSION, type ClusterInformation, clusterInformation, randomUid } from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import type { Random } from "@ocicat/kit";

/** How the lock is told wherever somebody asks after the cluster. */
export const LOCKED = "the datastore is locked for a migration: no workload is added, and agents act on no change";

/** Locks the datastore, one that nobody has used yet, too. Throws ResourceError. */
export async function lockDatastore(client: ResourceClient, random: Random): Promise<void> {
  try {
    await client.modify(clusterInformation, "default", undefined, (cluster) => withReady(cluster, false));
  } catch (error) {
    if (!(error instanceof ResourceError) || error.code !== "RESOURCE_NOT_FOUND") throw error;
    await client.create<ClusterInformation>({
      kind: "ClusterInformation",
      apiVersion: API_VERSION,
      metadata: { name: "default" },
      spec: { clusterGUID: randomUid(random).replaceAll("-", ""), datastoreReady: false },
    });
  }
}

/** Throws ResourceError RESOURCE_NOT_FOUND where there is no cluster. */
export async function unlockDatastore(client: ResourceClient): Promise<void> {
  await client.modify(clusterInformation, "default", undefined, (cluster) => withReady(cluster, true));
}

function withReady(cluster: ClusterInformation, datastoreReady: boolean): ClusterInformation {
  return { ...cluster, spec: { ...cluster.spec, datastoreReady } };
}
