import { type AllocationBlock, blocksPrefix, decodeBlock, parseIpamKey } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { toError } from "@ocicat/kit";
import { compareAddresses } from "@ocicat/net";

/** Every block there is, IPv4 first and each family in order of address, with what could not be read. */
export interface Blocks {
  readonly blocks: readonly AllocationBlock[];
  readonly unreadable: readonly { readonly key: string; readonly reason: string }[];
}

export async function readBlocks(store: Datastore): Promise<Blocks> {
  const blocks: AllocationBlock[] = [];
  const unreadable: { key: string; reason: string }[] = [];
  for (const { key, value } of (await store.list(blocksPrefix())).items) {
    if (parseIpamKey(key)?.kind !== "block") continue;
    try {
      blocks.push(decodeBlock(key, value));
    } catch (error) {
      unreadable.push({ key, reason: toError(error).message });
    }
  }
  return { blocks: blocks.sort(inOrder), unreadable };
}

function inOrder({ prefix: a }: AllocationBlock, { prefix: b }: AllocationBlock): number {
  return a.family === b.family ? compareAddresses(a.address, b.address) : a.family - b.family;
}
