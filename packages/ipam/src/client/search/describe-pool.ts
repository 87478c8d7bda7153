import { type AffinityOwner, formatOwner, parseIpamKey } from "@ocicat/api/ipam";
import type { KeyValue } from "@ocicat/datastore";
import { blockCount, type IpamPool, type IpamSettings } from "../../pool/index.ts";

/**
 * Where a pool's blocks are, for whoever is told that it has none left: `small (10.1.0.0/28): 4 of 4 blocks are claimed,
 * 1 by this node; 2 hold addresses that rest after their release; 10.1.0.0/30 is reserved`. From the stored text alone:
 * a full pool has many blocks.
 */
export function describePool(
  pool: IpamPool,
  { reservations }: IpamSettings,
  existing: ReadonlyMap<string, KeyValue>,
  owner: AffinityOwner,
): string {
  const mark = JSON.stringify(formatOwner(owner));
  const texts = [...existing].flatMap(([key, { value }]) => {
    const parsed = parseIpamKey(key);
    return parsed?.kind === "block" && pool.prefix.covers(parsed.prefix) ? [value] : [];
  });
  const count = (part: string) => texts.filter((text) => text.includes(part)).length;
  const [own, resting] = [count(mark), count('"releasedAt"')];
  const reserved = reservations.filter((network) => network.overlaps(pool.prefix));
  return [
    `${pool.name} (${pool.prefix}): ${texts.length} of ${blockCount(pool)} blocks are claimed, ${own} by this ${owner.type === "host" ? "node" : "owner"}`,
    ...(resting === 0 ? [] : [`${resting} hold addresses that rest after their release`]),
    ...(reserved.length === 0 ? [] : [`${reserved.join(", ")} ${reserved.length === 1 ? "is" : "are"} reserved`]),
  ].join("; ");
}
