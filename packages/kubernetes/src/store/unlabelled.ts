import { HOSTS_PREFIX } from "@ocicat/api";
import { isOcicatError } from "@ocicat/kit";
import { HOSTNAME_HASH } from "./ipam.ts";
import type { StoreParts } from "./parts.ts";
import type { Writes } from "./writes.ts";

/**
 * Gives a node's affinities the labels by which they are asked for. Versions of Calico before those labels wrote them without,
 * and a node that does not find its own takes new blocks, and announces the old ones no more. Answers how many there were.
 */
export async function labelAffinities(parts: StoreParts, writes: Writes, node: string): Promise<number> {
  const collection = parts.families.find(({ root }) => root === HOSTS_PREFIX)?.collections[0];
  if (collection === undefined) return 0;
  const { items } = await parts.client.list(collection.resource, { labelSelector: `!${HOSTNAME_HASH}` });
  const own = items.flatMap((object) => {
    const read = parts.rows.read(collection, object);
    return read?.item.key.startsWith(`${HOSTS_PREFIX}${node}/`) && !read.isGone ? [read.item] : [];
  });
  for (const { key, value, modRevision } of own) {
    try {
      await writes.update(key, value, modRevision);
    } catch (error) {
      // Who wrote it meanwhile gave it its labels; who deleted it needs none.
      if (!isOcicatError(error) || !MOVED_ON.has(error.code)) throw error;
    }
  }
  return own.length;
}

const MOVED_ON: ReadonlySet<string> = new Set(["CONFLICT", "NOT_FOUND"]);
