import { node, readDocument } from "@ocicat/api";
import { ResourceClient, ResourceError } from "@ocicat/client";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { DATASTORE, DATASTORE_SOCKET } from "./process/programs.ts";
import { pathInNode } from "./process/ready.ts";
import type { Topology } from "./topology/topology.ts";
import type { LabPlaces } from "./world/places.ts";

/** Writes a topology's pools as resources. Throws ValidationError on a pool that is none. */
export async function seedDatastore(endpoint: string, topology: Topology): Promise<void> {
  await withClient(endpoint, async (client) => {
    for (const [index, pool] of topology.pools.entries()) {
      const { name, ...spec } = pool;
      const document = { apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata: { name }, spec };
      await client.apply(readDocument(document, { position: { file: `pools[${index}]` } }));
    }
  });
}

/** Removes a node's resource, as an operator does who takes the machine away. */
export async function forgetNode(places: LabPlaces, name: string): Promise<void> {
  const endpoint = `unix://${pathInNode(places, DATASTORE, DATASTORE_SOCKET)}`;
  await withClient(endpoint, async (client) => {
    try {
      await client.delete(node, name);
    } catch (error) {
      if (!(error instanceof ResourceError && error.code === "RESOURCE_NOT_FOUND")) throw error;
    }
  });
}

async function withClient(endpoint: string, work: (client: ResourceClient) => Promise<void>): Promise<void> {
  const store = openEtcd({ endpoints: [endpoint] });
  try {
    await work(new ResourceClient({ store, clock: systemClock, random: systemRandom }));
  } finally {
    await store.close();
  }
}
