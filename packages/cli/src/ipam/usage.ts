import type { AllocationBlock } from "@ocicat/api/ipam";
import type { Prefix } from "@ocicat/net";

/** How much of a range of addresses is in use. What cools down after its release counts: it cannot be given away. */
export interface Usage {
  readonly cidr: Prefix;
  /** Addresses of the range; exact up to 2^53, then as near as a number comes. */
  readonly total: number;
  readonly inUse: number;
}

export interface PoolUsage extends Usage {
  readonly blocks: readonly Usage[];
}

export interface IpamUsage {
  /** In the order of the pools. */
  readonly pools: readonly PoolUsage[];
  /** Blocks that outlived their pool. */
  readonly strays: readonly Usage[];
}

export function usageOf(pools: readonly Prefix[], blocks: readonly AllocationBlock[]): IpamUsage {
  const poolOf = (block: AllocationBlock) => pools.find((pool) => pool.covers(block.prefix));
  const byPool = Map.groupBy(blocks, poolOf);
  const blocksOf = (pool: Prefix | undefined) => (byPool.get(pool) ?? []).map(blockUsage);
  return {
    pools: pools.map((cidr) => {
      const own = blocksOf(cidr);
      return { cidr, total: Number(cidr.size), inUse: own.reduce((sum, { inUse }) => sum + inUse, 0), blocks: own };
    }),
    strays: blocksOf(undefined),
  };
}

function blockUsage({ prefix, unallocated }: AllocationBlock): Usage {
  const total = Number(prefix.size);
  return { cidr: prefix, total, inUse: total - unallocated.length };
}
