import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type AnyResource, checkResource, readDocument } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { OcicatError } from "@ocicat/kit";
import { DATASTORE, DATASTORE_SOCKET } from "./process/programs.ts";
import { pathInNode } from "./process/ready.ts";
import type { Topology } from "./topology/topology.ts";
import type { LabPlaces } from "./world/places.ts";

const run = promisify(execFile);

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
  const store = openEtcd({ endpoints: [endpoint] });
  try {
    await new ResourceClient({ store, clock: systemClock, random: systemRandom }).writeAll("create", pools);
  } finally {
    await store.close();
  }
}

/**
 * Removes a node as an operator does who takes the machine away, by the same command: it gives the node's blocks and
 * addresses back. One that is not there is no error. Throws OcicatError LAB_NODE_KEPT.
 */
export async function forgetNode(
  { places, command }: { readonly places: LabPlaces; readonly command: readonly [string, ...string[]] },
  name: string,
): Promise<void> {
  const endpoint = `unix://${pathInNode(places, DATASTORE, DATASTORE_SOCKET)}`;
  const [program, ...args] = command;
  try {
    // Nothing else of the caller's environment: it may name another cluster.
    const env = { PATH: process.env["PATH"], DATASTORE_TYPE: "etcdv3", ETCD_ENDPOINTS: endpoint };
    await run(program, [...args, "delete", "node", name, "--skip-not-exists"], { env });
  } catch (error) {
    throw new OcicatError({
      code: "LAB_NODE_KEPT",
      where: `lab ${places.lab}`,
      what: `${name} is still in the datastore`,
      why: error instanceof Error ? error.message.trim() : String(error),
      fix: `ocicat delete node ${name}`,
    });
  }
}
