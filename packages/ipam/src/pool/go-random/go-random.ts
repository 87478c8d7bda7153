import { TABLE } from "./table.ts";

/** Lags of the generator, and the length of its state. */
export const LONG = 607;
export const SHORT = 273;

const MASK63 = (1n << 63n) - 1n;

/**
 * The random numbers that Go's `math/rand` draws from a seed (rngSource, unchanged since Go 1 by its promise): an additive
 * lagged Fibonacci generator (Mitchell and Moore; Knuth, volume 2, 3.2.2),
 *
 *     x[n] = x[n-607] + x[n-273]   modulo 2^64, of which 63 bits are given out
 *
 * It is here because Calico lets it say where a node's first block is: with the same numbers a node gets the block that it
 * gets with Calico.
 */
export class GoRandom {
  /** The last 607 numbers, the oldest at `#oldest`. */
  readonly #state: BigUint64Array;
  #oldest = 0;

  /** seed: 0 to 2^32-1, as an FNV sum has it; Go takes any integer. */
  constructor(seed: number) {
    this.#state = seedWords(seed, 40n, 20n).map((word, index) => word ^ (TABLE[index] ?? 0n));
  }

  /** Go's Uint32: 0 to 2^32-1. */
  uint32(): number {
    return Number((this.#next() & MASK63) >> 31n);
  }

  /** Go's big.Int.Rand: 0 to limit-1. It draws bits for whole 64-bit words, and again until they are below the limit. */
  below(limit: bigint): bigint {
    const bits = limit.toString(2).length;
    for (;;) {
      let drawn = 0n;
      for (let at = 0; at < bits; at += 64) {
        const [low, high] = [this.uint32(), this.uint32()];
        drawn |= (BigInt(low) | (BigInt(high) << 32n)) << BigInt(at);
      }
      const candidate = BigInt.asUintN(bits, drawn);
      if (candidate < limit) return candidate;
    }
  }

  #next(): bigint {
    const state = this.#state;
    const index = this.#oldest;
    const sum = (state[index] ?? 0n) + (state[(index + LONG - SHORT) % LONG] ?? 0n);
    state[index] = sum;
    this.#oldest = (index + 1) % LONG;
    return BigInt.asUintN(64, sum);
  }
}

/** What 2^31-1 leaves of a seed is 0: Go then takes this. */
const SEED_OF_ZERO = 89_482_311;
const MODULUS = 2 ** 31 - 1;
const MULTIPLIER = 48_271;
/** Numbers thrown away first. */
const DISCARDED = 20;

/**
 * The state as a seed fills it, the oldest number first: each of three numbers of Lehmer's generator, x[n+1] = 48271 x[n]
 * modulo 2^31-1, shifted by so many bits.
 */
export function seedWords(seed: number, shiftFirst: bigint, shiftSecond: bigint): BigUint64Array {
  let x = seed % MODULUS || SEED_OF_ZERO;
  // The product has 47 bits at most, which a double holds.
  const draw = () => {
    x = (MULTIPLIER * x) % MODULUS;
    return BigInt(x);
  };
  for (let count = 0; count < DISCARDED; count++) draw();
  const words = new BigUint64Array(LONG);
  for (let slot = 0; slot < LONG; slot++) {
    words[ageOf(slot)] = (draw() << shiftFirst) ^ (draw() << shiftSecond) ^ draw();
  }
  return words;
}

/** Go keeps its state in an array that is written downwards from 333, and round: how old the number in a slot is, 0 the oldest. */
function ageOf(slot: number): number {
  return (LONG - SHORT - 1 - slot + LONG) % LONG;
}
