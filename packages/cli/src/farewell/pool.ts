import { ippool } from "@ocicat/api";
import { blockOwner } from "@ocicat/api/ipam";
import { readBlocks } from "@ocicat/ipam";
import { parsePrefix } from "@ocicat/net";
import type { Opened } from "../connect/datastore.ts";
import { ipamOf } from "./ipam.ts";

/**
 * Blocks of a pool that nobody uses go with it, as with calicoctl; the pool is disabled first, so that nobody takes one
 * meanwhile. Addresses in use stay with their holders. Returns how many, for people.
 */
export async function releasePool(opened: Opened, name: string): Promise<string | undefined> {
  const { client, store } = opened;
  // One that cannot be read can still be deleted.
  const pool = (await client.list(ippool)).items.find(({ metadata }) => metadata.name === name);
  if (pool === undefined) return undefined;
  if (!pool.spec.disabled) await client.replace({ ...pool, spec: { ...pool.spec, disabled: true } });
  const cidr = parsePrefix(pool.spec.cidr);
  const blocks = (await readBlocks(store)).blocks.filter(({ prefix }) => cidr.covers(prefix));
  for (const block of blocks) {
    const owner = blockOwner(block);
    if (owner?.type !== "host") continue;
    const ipam = await ipamOf(opened, owner.name);
    await ipam.releaseAffinity(block.prefix, { node: owner.name, requireEmpty: true });
  }
  const used = blocks.reduce((sum, { allocations, unallocated }) => sum + allocations.length - unallocated.length, 0);
  return used === 0
    ? undefined
    : `${used} addresses of it are in use and stay with their holders; no pool routes them now`;
}
