import { DEFAULT_IPAM_CONFIG } from "@ocicat/api";
import type { Ipam, IpamSettings } from "@ocicat/ipam";
import { type Logger, toError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import type { DatastoreLock } from "../lock/lock.ts";
import type { Tables } from "../tables/tables.ts";

/** What allocation goes by, from the tables as they are now: nothing is fetched. */
export function ipamSettings(tables: Tables): IpamSettings {
  const labels = tables.ownNode()?.labels ?? {};
  return {
    pools: [...tables.pools.rows()].map((pool) => ({ ...pool.allocation, selectsNode: pool.selects(labels) })),
    reservations: [...tables.reservations.rows()].flat(),
    config: [...tables.ipam.rows()][0] ?? DEFAULT_IPAM_CONFIG,
  };
}

export interface LeaveParts {
  readonly ipam: Pick<Ipam, "releaseUnselected">;
  readonly tables: Tables;
  readonly lock: Pick<DatastoreLock, "locked" | "subscribe">;
  /** Runs work in a later turn of the event loop. */
  readonly defer: (work: () => void) => void;
  readonly logger: Logger;
}

/**
 * Gives up this node's empty blocks of pools that have turned away from it: when a pool changes, or the node's labels do.
 * A block in use goes later, with its last address.
 */
export function leavePools({ ipam, tables, lock, defer, logger }: LeaveParts): void {
  let isPlanned = false;
  const leave = async () => {
    isPlanned = false;
    if (lock.locked || ipamSettings(tables).pools.every(({ selectsNode }) => selectsNode)) return;
    try {
      const released = await ipam.releaseUnselected();
      if (released.length > 0) logger.info("gave up blocks of pools that are for other nodes", { blocks: released });
    } catch (error) {
      logger.warning("could not give up blocks of pools that are for other nodes", { error: toError(error).message });
    }
  };
  const plan = () => {
    if (isPlanned) return;
    isPlanned = true;
    defer(() => void leave());
  };
  tables.pools.subscribe(plan);
  tables.nodes.subscribe((_key, row, previous) => {
    const isOwn = (row ?? previous)?.name === tables.ownNode()?.name;
    if (isOwn && JSON.stringify(row?.labels) !== JSON.stringify(previous?.labels)) plan();
  });
  lock.subscribe(plan);
}

/**
 * What a crash of an earlier run left half done. Safe beside requests, so nobody waits for it. `looksAtHandles`: where a crash
 * can leave some that nobody knows of, and reading all of the cluster's is not too much for each of its agents; otherwise they
 * are left to the sandbox's DEL, and to garbage collection.
 */
export async function mendIpam(ipam: Ipam, logger: Logger, looksAtHandles: boolean): Promise<void> {
  try {
    const { mended, released, unreadable } = await ipam.recover(looksAtHandles ? {} : { scanHandles: false });
    if (mended.length + released.length > 0)
      logger.info("mended what a crash left half done", { mended, released: released.map(formatAddress) });
    for (const error of unreadable) logger.error("an IPAM value cannot be read", { error: error.message });
  } catch (error) {
    logger.warning("could not look for what a crash left half done", { error: toError(error).message });
  }
}
