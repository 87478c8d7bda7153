import { blockKey, decodeBlock, decodeHandle, handleKey } from "@ocicat/api";
import type { Datastore } from "@ocicat/datastore";
import { type Address, parsePrefix } from "@ocicat/net";

/** The addresses that a handle holds according to the blocks, which decide; the handle says only where to look. */
export async function addressesHeldBy(store: Datastore, handleId: string): Promise<readonly Address[]> {
  const key = handleKey(handleId);
  const handle = await store.get(key);
  if (handle === undefined) return [];
  const cidrs = [...decodeHandle(key, handle.value).blocks.keys()];
  const held = await Promise.all(
    cidrs.map(async (cidr) => {
      const prefix = parsePrefix(cidr);
      const item = await store.get(blockKey(prefix));
      if (item === undefined) return [];
      const block = decodeBlock(item.key, item.value);
      return block.allocations.flatMap((index, ordinal) =>
        index !== null && block.attributes?.[index]?.handleId === handleId ? [prefix.nth(ordinal)] : [],
      );
    }),
  );
  return held.flat();
}
