import { createIpam, type Ipam, readIpamConfig } from "@ocicat/ipam";
import type { Opened } from "../connect/datastore.ts";

/** For giving back what a node has. It gives nothing out, and so knows of no pools. */
export async function ipamOf({ store, clock, random }: Opened, node: string): Promise<Ipam> {
  const config = await readIpamConfig(store);
  return createIpam({ store, clock, random, node, settings: () => ({ pools: [], reservations: [], config }) });
}
