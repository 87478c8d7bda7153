import { describe, expect, it } from "vitest";
import { GoRandom, LONG, SHORT, seedWords } from "../../src/pool/go-random/go-random.ts";
import { TABLE } from "../../src/pool/go-random/table.ts";

const NUMBERS = 7_800_000_000_000n;
const WORD = 64n;

/**
 * x^power modulo x^607 - x^334 - 1, with coefficients modulo 2^64: the recurrence as a polynomial, so that its coefficients
 * say how the number `power` places on follows from the first 607.
 */
function leap(power: bigint): bigint[] {
  let result = [1n, ...Array.from({ length: LONG - 1 }, () => 0n)];
  for (const bit of power.toString(2)) {
    result = reduce(square(result));
    if (bit === "1") result = reduce([0n, ...result]);
  }
  return result;
}

/** Hex digits a coefficient: a sum of 607 products of 64-bit numbers fits. */
const DIGITS = 36;

/** As one number with the coefficients for digits: the engine's multiplication is faster than any written here. */
function square(polynomial: readonly bigint[]): bigint[] {
  const packed = BigInt(
    `0x${polynomial
      .map((each) => each.toString(16).padStart(DIGITS, "0"))
      .reverse()
      .join("")}`,
  );
  const digits = (packed * packed).toString(16).padStart(2 * LONG * DIGITS, "0");
  return Array.from({ length: 2 * LONG }, (_, at) => {
    const end = digits.length - at * DIGITS;
    return BigInt.asUintN(64, BigInt(`0x${digits.slice(end - DIGITS, end)}`));
  });
}

function reduce(polynomial: readonly bigint[]): bigint[] {
  const left = [...polynomial];
  for (let degree = left.length - 1; degree >= LONG; degree--) {
    const coefficient = left[degree] ?? 0n;
    for (const to of [degree - LONG, degree - SHORT]) left[to] = BigInt.asUintN(64, (left[to] ?? 0n) + coefficient);
  }
  return left.slice(0, LONG);
}

describe("Go's random numbers", () => {
  it("are seeded with the state after 7.8e12 numbers from seed 1", () => {
    const first = [...seedWords(1, 20n, 10n)];
    for (let at = 0; at < LONG; at++) {
      first.push(BigInt.asUintN(64, (first[at] ?? 0n) + (first[at + LONG - SHORT] ?? 0n)));
    }
    const coefficients = leap(NUMBERS);
    const state = Array.from({ length: LONG }, (_, at) =>
      coefficients.reduce((sum, each, index) => BigInt.asUintN(64, sum + each * (first[index + at] ?? 0n)), 0n),
    );
    // The number drawn n-th is in slot n modulo 607.
    const shift = Number((NUMBERS - BigInt(LONG)) % BigInt(LONG));
    expect(Array.from(TABLE, (_, slot) => state[(slot - shift + LONG) % LONG])).toEqual([...TABLE]);
  });

  it("are below their limit, each one at times, also of limits beyond a word", () => {
    const random = new GoRandom(0);
    const drawn = new Set(Array.from({ length: 200 }, () => random.below(8n)));
    expect([...drawn].sort()).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    const large = Array.from({ length: 50 }, () => random.below(1n << 74n));
    expect(large.every((each) => each < 1n << 74n)).toBe(true);
    expect(large.some((each) => each >= 1n << WORD)).toBe(true);
  });
});
