import {
  type AllocationBlock,
  blocksPrefix,
  DEFAULT_IPAM_CONFIG,
  decodeBlock,
  decodeIpamConfig,
  IPAM_CONFIG_KEY,
  type IpamConfig,
  IpamCorruptError,
} from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import type { Family } from "@ocicat/net";
import { listPages } from "../client/search/list.ts";

export interface StoredBlocks {
  /** In key order. */
  readonly blocks: readonly AllocationBlock[];
  readonly unreadable: readonly IpamCorruptError[];
}

/** All blocks, at one revision. Throws DatastoreError. */
export async function readBlocks(store: Datastore, family?: Family): Promise<StoredBlocks> {
  const blocks: AllocationBlock[] = [];
  const unreadable: IpamCorruptError[] = [];
  for await (const { key, value } of listPages(store, blocksPrefix(family))) {
    try {
      blocks.push(decodeBlock(key, value));
    } catch (error) {
      if (!(error instanceof IpamCorruptError)) throw error;
      unreadable.push(error);
    }
  }
  return { blocks, unreadable };
}

/** The settings that hold for every node; the defaults where nothing is stored. Throws DatastoreError, IpamCorruptError. */
export async function readIpamConfig(store: Datastore): Promise<IpamConfig> {
  const row = await store.get(IPAM_CONFIG_KEY);
  return row === undefined ? DEFAULT_IPAM_CONFIG : decodeIpamConfig(row.key, row.value);
}
