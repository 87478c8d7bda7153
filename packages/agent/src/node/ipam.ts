import { DEFAULT_IPAM_CONFIG } from "@ocicat/api";
import type { Ipam, IpamSettings } from "@ocicat/ipam";
import { type Logger, toError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
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

/** What a crash of an earlier run left half done. Safe beside requests, so nobody waits for it. */
export async function mendIpam(ipam: Ipam, logger: Logger): Promise<void> {
  try {
    const { mended, released, unreadable } = await ipam.recover();
    if (mended.length + released.length > 0)
      logger.info("mended what a crash left half done", { mended, released: released.map(formatAddress) });
    for (const error of unreadable) logger.error("an IPAM value cannot be read", { error: error.message });
  } catch (error) {
    logger.warning("could not look for what a crash left half done", { error: toError(error).message });
  }
}
