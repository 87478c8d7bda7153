import { type AllocationBlock, blocksPrefix, decodeBlock, IpamCorruptError } from "@ocicat/api/ipam";
import { type Datastore, DatastoreError, type KeyValue, type Revision } from "@ocicat/datastore";
import { parseGoTimestamp } from "../client/timestamp.ts";

/** How the blocks were at the oldest revision that the store still has. */
export interface Past {
  readonly revision: Revision;
  /** When that was: between the last address that had been given out by then and the first after it, ms since 1970. */
  readonly after: number;
  readonly before: number;
  readonly blocks: readonly AllocationBlock[];
}

/**
 * Reads the blocks as they were as long ago as the store can tell. Revisions have no time of their own: the addresses
 * given out before and after give one away. Undefined: the store remembers nothing older, nothing was given out since,
 * or the times do not go with the revisions, as after a restore. `present`: the blocks as they are at revision `now`.
 * Throws DatastoreError.
 */
export async function readPast(
  store: Datastore,
  now: Revision,
  present: readonly AllocationBlock[],
): Promise<Past | undefined> {
  const revision = await oldest(store, now);
  const blocks = revision === now ? undefined : await blocksAt(store, revision);
  if (blocks === undefined) return undefined;
  const known = new Map(blocks.flatMap(allocations));
  const since = present.flatMap(allocations).flatMap(([mark, time]) => (known.has(mark) ? [] : [time]));
  const after = Math.max(...known.values());
  const before = Math.min(...since);
  return Number.isFinite(after) && Number.isFinite(before) && after <= before
    ? { revision, after, before, blocks }
    : undefined;
}

/** The oldest revision that can be read, by halving. */
async function oldest(store: Datastore, now: Revision): Promise<Revision> {
  let [forgotten, known] = [0n, now];
  while (known - forgotten > 1n) {
    const middle = (forgotten + known) / 2n;
    if (await isKnown(store, middle)) known = middle;
    else forgotten = middle;
  }
  return known;
}

async function isKnown(store: Datastore, revision: Revision): Promise<boolean> {
  try {
    await store.list(blocksPrefix(), { revision, limit: 1 });
    return true;
  } catch (error) {
    if (error instanceof DatastoreError && error.code === "COMPACTED") return false;
    throw error;
  }
}

/** Undefined: the store forgot the revision meanwhile. */
async function blocksAt(store: Datastore, revision: Revision): Promise<readonly AllocationBlock[] | undefined> {
  try {
    return (await store.list(blocksPrefix(), { revision })).items.flatMap(decoded);
  } catch (error) {
    if (error instanceof DatastoreError && error.code === "COMPACTED") return undefined;
    throw error;
  }
}

function decoded({ key, value }: KeyValue): readonly AllocationBlock[] {
  try {
    return [decodeBlock(key, value)];
  } catch (error) {
    if (!(error instanceof IpamCorruptError)) throw error;
    return [];
  }
}

/** A mark for each allocation, equal if it is the same one, with its time. */
function allocations(block: AllocationBlock): readonly (readonly [mark: string, time: number])[] {
  return block.allocations.flatMap((index, ordinal) => {
    const timestamp = index === null ? undefined : block.attributes?.[index]?.secondary.timestamp;
    const time = timestamp === undefined ? undefined : parseGoTimestamp(timestamp);
    if (time === undefined) return [];
    return [[`${block.prefix} ${ordinal} ${block.sequenceNumberForAllocation.get(ordinal) ?? 0n}`, time] as const];
  });
}
