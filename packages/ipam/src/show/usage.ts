import type { AllocationBlock } from "@ocicat/api/ipam";
import type { Prefix } from "@ocicat/net";
import { isCooling } from "../block/index.ts";
import type { IpamPool } from "../pool/index.ts";

/** How much of a pool or block is taken. Addresses, exact also where IPv6 has more than a number holds. */
export interface Usage {
  readonly prefix: Prefix;
  readonly total: bigint;
  /** Held by somebody. */
  readonly inUse: bigint;
  /** Released, and not to be given away yet. */
  readonly cooling: bigint;
  readonly free: bigint;
}

export interface PoolUsage extends Usage {
  readonly pool: string;
  readonly blocks: readonly Usage[];
}

/** Each pool with its blocks, in the order given; and the blocks of no pool, whose pool is gone. */
export function poolUsage(
  pools: readonly IpamPool[],
  blocks: readonly AllocationBlock[],
): { readonly pools: readonly PoolUsage[]; readonly strays: readonly Usage[] } {
  const isIn = (pool: IpamPool, block: AllocationBlock) => pool.prefix.covers(block.prefix);
  return {
    pools: pools.map((pool) => sum(pool, blocks.filter((block) => isIn(pool, block)).map(blockUsage))),
    strays: blocks.filter((block) => !pools.some((pool) => isIn(pool, block))).map(blockUsage),
  };
}

export function blockUsage(block: AllocationBlock): Usage {
  let inUse = 0;
  let cooling = 0;
  for (const [ordinal, index] of block.allocations.entries()) {
    if (index === null) continue;
    if (isCooling(block, ordinal)) cooling += 1;
    else inUse += 1;
  }
  return usage(block.prefix, BigInt(inUse), BigInt(cooling));
}

function sum(pool: IpamPool, blocks: readonly Usage[]): PoolUsage {
  const inUse = blocks.reduce((total, block) => total + block.inUse, 0n);
  const cooling = blocks.reduce((total, block) => total + block.cooling, 0n);
  return { pool: pool.name, blocks, ...usage(pool.prefix, inUse, cooling) };
}

function usage(prefix: Prefix, inUse: bigint, cooling: bigint): Usage {
  return { prefix, total: prefix.size, inUse, cooling, free: prefix.size - inUse - cooling };
}
