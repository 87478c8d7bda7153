import { DEFAULT_IPAM_CONFIG, decodeIpamConfig, IPAM_CONFIG_KEY, type IpamConfig } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { createIpam, type Ipam } from "@ocicat/ipam";
import type { Opened } from "../connect/datastore.ts";

/** The settings that hold for every node. Throws IpamCorruptError. */
export async function readIpamConfig(store: Datastore): Promise<IpamConfig> {
  const stored = await store.get(IPAM_CONFIG_KEY);
  return stored === undefined ? DEFAULT_IPAM_CONFIG : decodeIpamConfig(stored.key, stored.value);
}

/** For giving back what a node has. It gives nothing out, and so knows of no pools. */
export async function ipamOf({ store, clock, random }: Opened, node: string): Promise<Ipam> {
  const config = await readIpamConfig(store);
  return createIpam({ store, clock, random, node, settings: () => ({ pools: [], reservations: [], config }) });
}
