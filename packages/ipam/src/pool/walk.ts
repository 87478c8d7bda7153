import type { Random } from "@ocicat/kit";
import { Prefix } from "@ocicat/net";
import { GoRandom } from "./go-random/go-random.ts";
import type { IpamPool } from "./pool.ts";
import { reservationOf } from "./reservations.ts";

/**
 * Every block of a pool once, in a full circle from `start`, without the blocks that are reserved whole. An IPv6 pool
 * has more blocks than anybody can count: a reservation is stepped over in one go, and the caller stops when it has one.
 */
export function* walkBlocks(pool: IpamPool, start: bigint, reservations: readonly Prefix[]): Iterable<Prefix> {
  const count = blockCount(pool);
  yield* walkRange(pool, start, count, reservations);
  yield* walkRange(pool, 0n, start, reservations);
}

/**
 * Where a node begins to look: where Calico does, so that a node gets the block that every text on Calico shows for its name
 * (node1 of 10.244.0.0/16: 10.244.166.128/26). Each begins elsewhere and always at the same place: nodes do not meet, and
 * requests on one node do not claim a block each. Blocks of one address are too many to look through, so there it begins
 * anywhere.
 */
export function walkStart(pool: IpamPool, node: string, random: Random): bigint {
  const count = blockCount(pool);
  const isSingle = pool.blockSize === (pool.prefix.family === 4 ? 32 : 128);
  if (isSingle) return (count * BigInt(random.uint32())) >> 32n;
  return count === 0n ? 0n : new GoRandom(fnv1(node)).below(count);
}

/** How many blocks the pool has room for. */
export function blockCount(pool: Pick<IpamPool, "prefix" | "blockSize">): bigint {
  return pool.blockSize < pool.prefix.length ? 0n : 1n << BigInt(pool.blockSize - pool.prefix.length);
}

/** FNV-1, 32 bits, of a host name (ASCII by RFC 1123). */
export function fnv1(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash, 0x01000193) ^ (text.charCodeAt(index) & 0xff);
  }
  return hash >>> 0;
}

function* walkRange(pool: IpamPool, from: bigint, to: bigint, reservations: readonly Prefix[]): Iterable<Prefix> {
  const blockSize = 1n << BigInt((pool.prefix.family === 4 ? 32 : 128) - pool.blockSize);
  let index = from;
  while (index < to) {
    const block = Prefix.of(pool.prefix.nth(index * blockSize), pool.blockSize);
    const reservation = reservationOf(block, reservations);
    if (reservation === undefined) {
      yield block;
      index += 1n;
    } else if (reservation.covers(pool.prefix)) {
      return;
    } else {
      index = pool.prefix.ordinalOf(reservation.last) / blockSize + 1n;
    }
  }
}
