import { type AnyResource, checkResource, node, readDocument } from "@ocicat/api";
import { ResourceClient, ResourceError } from "@ocicat/client";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { DATASTORE, DATASTORE_SOCKET } from "./process/programs.ts";
import { pathInNode } from "./process/ready.ts";
import type { Topology } from "./topology/topology.ts";
import type { LabPlaces } from "./world/places.ts";

/** A topology's pools as resources, held against the rules and against each other. Throws ValidationError. */
export function readPools(topology: Topology): readonly AnyResource[] {
  const pools: AnyResource[] = [];
  for (const [index, { name, ...spec }] of topology.pools.entries()) {
    const document = { apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata: { name }, spec };
    const position = { file: `pools[${index}]` };
    const pool = readDocument(document, { position });
    checkResource(pool, { others: pools }, position);
    pools.push(pool);
  }
  return pools;
}

export async function seedDatastore(endpoint: string, pools: readonly AnyResource[]): Promise<void> {
  await withClient(endpoint, async (client) => {
    await client.writeAll("create", pools);
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
