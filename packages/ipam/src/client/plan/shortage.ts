import type { AffinityOwner } from "@ocicat/api/ipam";
import type { Family } from "@ocicat/net";
import { IpamError } from "../../errors.ts";
import type { IpamPool, IpamSettings } from "../../pool/index.ts";
import { blockLimit } from "../search/block-limit.ts";
import type { NoBlock } from "./job.ts";

export interface Shortage {
  readonly owner: AffinityOwner;
  readonly family: Family;
  readonly pools: readonly IpamPool[];
  readonly settings: IpamSettings;
  readonly found: NoBlock;
}

/** There is no address: neither in the node's blocks nor in one it could claim nor in one it could borrow from. */
export function noAddress(shortage: Shortage): IpamError {
  const { family, pools, settings, found } = shortage;
  const what = `no free IPv${family} address in ${poolNames(pools)}`;
  if (found.reason === "block-limit") return overLimit(shortage, what);
  const others = settings.config.strictAffinity ? "strict affinity forbids to borrow" : "none has an address to lend";
  const why = [`this node's blocks are full, ${reasonOf(found)}, and ${others}`, ...found.details].join("; ");
  return new IpamError({
    code: "IPAM_EXHAUSTED",
    what,
    why,
    fix: "add an IPPool, release what is no longer used, or check IPAM for leaks",
  });
}

/** There is no block to be claimed. */
export function noBlock(shortage: Shortage): IpamError {
  const { family, pools, found } = shortage;
  const what = `no IPv${family} block can be claimed in ${poolNames(pools)}`;
  if (found.reason === "block-limit") return overLimit(shortage, what);
  return new IpamError({ code: "IPAM_EXHAUSTED", what, why: [reasonOf(found), ...found.details].join("; ") });
}

export function poolNames(pools: readonly IpamPool[]): string {
  return `${pools.length === 1 ? "pool" : "pools"} ${pools.map(({ name }) => name).join(", ")}`;
}

function overLimit({ owner, settings }: Shortage, what: string): IpamError {
  return new IpamError({
    code: "IPAM_BLOCK_LIMIT",
    what,
    why: `the node has its ${blockLimit(owner, settings)} blocks, and they are full`,
    fix: "raise maxBlocksPerHost, use larger blocks, or move pods to other nodes",
  });
}

function reasonOf({ reason }: NoBlock): string {
  return reason === "no-auto-allocate" ? "nodes may not claim blocks by themselves" : "every block is claimed";
}
