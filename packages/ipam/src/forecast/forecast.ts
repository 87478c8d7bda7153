import type { IPPool } from "@ocicat/api";
import { type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import { type Prefix, parsePrefix } from "@ocicat/net";
import { isCooling } from "../block/index.ts";
import type { Census } from "../census/index.ts";
import { parseGoTimestamp } from "../client/timestamp.ts";
import { blockCount } from "../pool/index.ts";
import { disjoint, reservedIn } from "../show/reserved.ts";
import type { Past } from "./past.ts";

const DAY_MS = 86_400_000;
/** A rate over less than this says nothing. */
const SHORTEST_MS = 600_000;

/** How long a pool lasts at the rate at which it was used of late. */
export interface PoolForecast {
  readonly pool: string;
  readonly cidr: string;
  /** Addresses that may still be given out: not held, not reserved. Those that rest count, for they come back. */
  readonly free: bigint;
  readonly held: number;
  readonly addresses: Trend;
  /** Blocks that a node can still claim. */
  readonly blocksFree: bigint;
  readonly blocks: Trend;
  /** Free addresses in blocks that have an owner: of use to others only by borrowing. */
  readonly freeInClaimed: number;
  /** What comes before the pool is full, and what the data cannot say; in words. */
  readonly notes: readonly string[];
}

export interface Trend {
  /** A day; negative where use falls. Undefined: it cannot be told. */
  readonly perDay: number | undefined;
  /**
   * measured: how many there are now and were before, as the store still knows. at-most: how many were given out and are
   * still held; what was given back meanwhile is not known, so that the rate is this or lower. none: neither.
   */
  readonly basis: "measured" | "at-most" | "none";
  /** Over how long, in milliseconds. */
  readonly overMs: number;
  /** Undefined: never at this rate, or it cannot be told. With at-most: no sooner than this. */
  readonly daysLeft: number | undefined;
}

export interface ForecastOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The time whose rate counts, in milliseconds. */
  readonly windowMs: number;
  /** How it was, as far back as the store can tell. */
  readonly past: Past | undefined;
}

/** For each pool, in the order of the store. Pure. */
export function forecastPools(census: Census, options: ForecastOptions): readonly PoolForecast[] {
  return census.pools.map((pool) => forecastPool(census, pool, options));
}

function forecastPool(census: Census, pool: IPPool, options: ForecastOptions): PoolForecast {
  const prefix = parsePrefix(pool.spec.cidr);
  const blocks = census.blocks.map(({ value }) => value).filter((block) => prefix.covers(block.prefix));
  const networks = census.reservations.map(({ network }) => network);
  const held = blocks.reduce((sum, block) => sum + heldIn(block), 0);
  const free = prefix.size - BigInt(held) - reservedIn(prefix, networks, blocks).reservedAndFree;
  const blocksFree = claimable(prefix, pool.spec.blockSize, networks, blocks);
  const freeInClaimed = blocks
    .filter((block) => blockOwner(block) !== undefined)
    .reduce((sum, block) => sum + block.allocations.length - heldIn(block), 0);
  const past = options.past?.blocks.filter((block) => prefix.covers(block.prefix));
  const heldThen = past?.reduce((sum, block) => sum + heldIn(block), 0);
  const addresses = trend(held, heldThen, blocks.flatMap(givenTimes), free, options);
  const claims = blocks.flatMap(({ affinityClaimTime: time }) => (time === undefined ? [] : [Date.parse(time)]));
  const blockTrend = trend(blocks.length, past?.length, claims, blocksFree, options);
  const forecast = { free, held, addresses, blocksFree, blocks: blockTrend, freeInClaimed };
  return {
    pool: pool.metadata.name,
    cidr: pool.spec.cidr,
    ...forecast,
    notes: [...notesOnPool(census, pool, forecast, blocks), ...notesOnData(addresses, blocks)],
  };
}

/** How many blocks nobody has claimed yet that are not reserved whole. */
function claimable(
  prefix: Prefix,
  blockSize: number,
  networks: readonly Prefix[],
  blocks: readonly AllocationBlock[],
): bigint {
  const reserved = disjoint(networks).filter((network) => network.length <= blockSize && network.overlaps(prefix));
  const wholly = reserved.reduce((sum, network) => {
    return sum + (1n << BigInt(blockSize - Math.max(network.length, prefix.length)));
  }, 0n);
  const claimed = blocks.filter((block) => !reserved.some((network) => network.covers(block.prefix))).length;
  const left = blockCount({ prefix, blockSize }) - wholly - BigInt(claimed);
  return left > 0n ? left : 0n;
}

/** `times`: when each of what there is now came to be, as far as known; milliseconds since 1970. */
function trend(
  count: number,
  countThen: number | undefined,
  times: readonly number[],
  left: bigint,
  options: ForecastOptions,
): Trend {
  const { now, windowMs, past } = options;
  const measuredMs = past === undefined ? 0 : now - past.before;
  // Where nothing was given out for long before or after, that moment may have been any time in between.
  const isPlaced = past !== undefined && now - past.after <= 2 * measuredMs;
  if (countThen !== undefined && isPlaced && measuredMs >= SHORTEST_MS) {
    return { basis: "measured", overMs: measuredMs, ...paced(((count - countThen) * DAY_MS) / measuredMs, left) };
  }
  const known = times.filter((time) => !Number.isNaN(time) && time <= now);
  const oldest = known.reduce((least, time) => Math.min(least, time), now);
  const overMs = Math.min(windowMs, now - oldest);
  if (overMs < SHORTEST_MS) return { basis: "none", overMs, perDay: undefined, daysLeft: undefined };
  const recent = known.filter((time) => time > now - overMs).length;
  return { basis: "at-most", overMs, ...paced((recent * DAY_MS) / overMs, left) };
}

function paced(perDay: number, left: bigint): Pick<Trend, "perDay" | "daysLeft"> {
  if (left === 0n) return { perDay, daysLeft: 0 };
  return { perDay, daysLeft: perDay > 0 ? Number(left) / perDay : undefined };
}

function* notesOnPool(
  { config }: Census,
  { spec, metadata: { name } }: IPPool,
  { free, blocksFree, freeInClaimed, blocks, addresses }: Omit<PoolForecast, "pool" | "cidr" | "notes">,
  all: readonly AllocationBlock[],
): Iterable<string> {
  if (spec.disabled) yield `${name} is disabled: it gives out no more`;
  const isBlocksFirst =
    blocks.daysLeft !== undefined && (addresses.daysLeft === undefined || blocks.daysLeft < addresses.daysLeft);
  const stranded = `${freeInClaimed} addresses are free in blocks that have an owner`;
  if (blocksFree === 0n && free > 0n) {
    yield `every block is claimed: a new node gets none, and ${stranded}, ${config.strictAffinity ? "which no other node may use (strictAffinity)" : "which others can borrow one by one"}`;
  } else if (isBlocksFirst) {
    const then = config.strictAffinity ? "new nodes then get no address (strictAffinity)" : "nodes then borrow";
    yield `blocks run out before addresses: ${then}, while ${stranded}`;
  }
  if (!config.autoAllocateBlocks) yield "nodes may not claim blocks: only those there are give out addresses";
  if (config.maxBlocksPerHost > 0) yield* notesOnLimit(config.maxBlocksPerHost, all);
}

function* notesOnLimit(limit: number, blocks: readonly AllocationBlock[]): Iterable<string> {
  const byOwner = Map.groupBy(blocks, ({ affinity }) => affinity ?? "");
  for (const [owner, own] of byOwner) {
    if (owner === "" || own.length < limit) continue;
    const free = own.reduce((sum, block) => sum + block.allocations.length - heldIn(block), 0);
    yield `${owner} has its ${limit} blocks (maxBlocksPerHost), with ${free} addresses free in them`;
  }
}

function* notesOnData({ basis }: Trend, blocks: readonly AllocationBlock[]): Iterable<string> {
  const held = blocks.reduce((sum, block) => sum + heldIn(block), 0);
  const undated = held - blocks.reduce((sum, block) => sum + givenTimes(block).length, 0);
  if (basis === "none") yield "too little is known for a rate: nothing was given out, or only just now";
  if (basis === "at-most") {
    yield "how many were given back is not known: what took the place of others looks like growth, so it lasts this long or longer";
  }
  if (undated > 0) yield `${undated} addresses do not say since when they are held`;
}

function heldIn(block: AllocationBlock): number {
  return [...block.allocations.entries()].filter(([ordinal, index]) => index !== null && !isCooling(block, ordinal))
    .length;
}

/** When each held address of a block was given out, of those that say it; milliseconds since 1970. */
function givenTimes(block: AllocationBlock): readonly number[] {
  const times = (block.attributes ?? []).map(({ secondary: { timestamp } }) =>
    timestamp === undefined ? undefined : parseGoTimestamp(timestamp),
  );
  return block.allocations.flatMap((index) => (index === null ? [] : (times[index] ?? [])));
}
