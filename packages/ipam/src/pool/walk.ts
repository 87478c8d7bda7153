import type { Random } from "@ocicat/kit";
import { Prefix } from "@ocicat/net";
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
 * Where a node begins to look. Each begins elsewhere and always at the same place, so that nodes do not meet, and
 * requests on one node do not claim a block each. Calico takes FNV-1 of the host name for a seed; blocks of one address
 * are too many to look through, so there it begins anywhere.
 */
export function walkStart(pool: IpamPool, node: string, random: Random): bigint {
  const isSingle = pool.blockSize === (pool.prefix.family === 4 ? 32 : 128);
  const seed = isSingle ? random.uint32() : scatter(fnv1(node));
  return (blockCount(pool) * BigInt(seed)) >> 32n;
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

/** FNV-1 of node1 and node2 differ in the last bits only; this (MurmurHash3's finalizer) spreads them over all. */
function scatter(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
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
