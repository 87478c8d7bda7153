import type { AffinityOwner } from "@ocicat/api/ipam";
import type { IpamSettings } from "../../pool/index.ts";

/** Calico's default where nothing is configured: a node that leaks addresses shall not take the whole pool. */
const DEFAULT_MAX_BLOCKS = 20;

/** How many blocks of the pools it may use an owner may have. The limit is one of hosts; the load balancer is none. */
export function blockLimit(owner: AffinityOwner, { config }: IpamSettings): number {
  return owner.type === "host" ? config.maxBlocksPerHost || DEFAULT_MAX_BLOCKS : Number.POSITIVE_INFINITY;
}
