import { bgpConfiguration, felixConfiguration, type Kind, workloadEndpoint } from "@ocicat/api";
import { affinitiesPrefix, HOSTS_PREFIX, hostOwner, parseIpamKey } from "@ocicat/api/ipam";
import { allHolders, type Ipam, type ReleaseAddress, readBlocks } from "@ocicat/ipam";
import type { Opened } from "../connect/datastore.ts";
import { ipamOf } from "./ipam.ts";

/** Endpoints deleted in one transaction. */
const BATCH = 100;

/**
 * What a node leaves in the datastore goes with it, as with calicoctl: the addresses it gave out, its endpoints, its
 * blocks, the configurations that are its alone. The node itself is deleted last, by the caller: where this ends half-way
 * it can be done again. Returns what was released, for people.
 */
export async function releaseNode(opened: Opened, node: string): Promise<string | undefined> {
  const ipam = await ipamOf(opened, node);
  const addresses = await releaseAddresses(opened, ipam, node);
  const endpoints = await deleteEndpoints(opened, node);
  await releaseBlocks(opened, ipam, node);
  await deleteOwnConfigurations(opened, node);
  return addresses + endpoints === 0
    ? undefined
    : `${addresses} addresses and ${endpoints} endpoints of it went with it`;
}

/** Each only if it is still what was read: a pod that a node of the same name starts now keeps its address. */
async function releaseAddresses({ store }: Opened, ipam: Ipam, node: string): Promise<number> {
  const { blocks } = await readBlocks(store);
  const given = [...allHolders(blocks)].flatMap(
    ({ attributes, address, handleId, sequence }): readonly ReleaseAddress[] =>
      attributes.node === node && handleId !== undefined ? [{ address, handleId, sequence }] : [],
  );
  for (const [, addresses] of Map.groupBy(given, ({ handleId }) => handleId)) await ipam.release({ addresses });
  return given.length;
}

async function deleteEndpoints({ client }: Opened, node: string): Promise<number> {
  const { items } = await client.list(workloadEndpoint);
  const own = items
    .filter(({ spec }) => spec.node === node)
    .map(({ metadata: { name, namespace } }) => ({ kind: workloadEndpoint, name, namespace }));
  for (let first = 0; first < own.length; first += BATCH) {
    await client.deleteAll(own.slice(first, first + BATCH), { skipMissing: true });
  }
  return own.length;
}

/** Blocks that others still hold addresses of stay, without an owner. */
async function releaseBlocks({ store }: Opened, ipam: Ipam, node: string): Promise<void> {
  const { items } = await store.list(affinitiesPrefix(hostOwner(node)));
  for (const { key } of items) {
    const parsed = parseIpamKey(key);
    if (parsed?.kind === "affinity") await ipam.releaseAffinity(parsed.prefix, { node });
  }
  const marker = `${HOSTS_PREFIX}${node}`;
  const stored = await store.get(marker);
  if (stored !== undefined) await store.delete(marker, stored.modRevision);
}

async function deleteOwnConfigurations({ client }: Opened, node: string): Promise<void> {
  const kinds: readonly Kind[] = [felixConfiguration, bgpConfiguration];
  const own = kinds.map((kind) => ({ kind, name: `node.${node}` }));
  await client.deleteAll(own, { skipMissing: true });
}
