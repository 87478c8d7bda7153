import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationMs, formatDuration, parseDuration } from "../../src/index.ts";

// As Go 1.24 parses and prints them.
const GO: readonly (readonly [text: string, nanoseconds: bigint, canonical: string])[] = [
  ["0", 0n, "0s"],
  ["0s", 0n, "0s"],
  ["90s", 90_000_000_000n, "1m30s"],
  ["1m30s", 90_000_000_000n, "1m30s"],
  ["86400s", 86_400_000_000_000n, "24h0m0s"],
  ["1h", 3_600_000_000_000n, "1h0m0s"],
  ["250ms", 250_000_000n, "250ms"],
  ["1500ms", 1_500_000_000n, "1.5s"],
  ["1.5h", 5_400_000_000_000n, "1h30m0s"],
  [".5s", 500_000_000n, "500ms"],
  ["1.s", 1_000_000_000n, "1s"],
  ["100us", 100_000n, "100µs"],
  ["1.5µs", 1500n, "1.5µs"],
  ["7ns", 7n, "7ns"],
  ["+5s", 5_000_000_000n, "5s"],
  ["-1.5h", -5_400_000_000_000n, "-1h30m0s"],
  ["1h1m1.000000001s", 3_661_000_000_001n, "1h1m1.000000001s"],
];

describe("a duration", () => {
  it.each(GO)("%s", (text, nanoseconds, canonical) => {
    expect(parseDuration(text)).toBe(nanoseconds);
    expect(formatDuration(nanoseconds)).toBe(canonical);
  });

  it.each(["", "s", "90", "1 s", "1h 30m", "1d", "1.2.3s", "-", ".s", "1e3s", "99999999999h", "--1s", "s1"])(
    "is not %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
      expect(() => durationMs(text)).toThrow(RangeError);
    },
  );

  it("is a number of milliseconds to a clock", () => {
    expect([durationMs("90s"), durationMs("1.5ms"), durationMs("0")]).toEqual([90_000, 1.5, 0]);
  });

  it("of any length is read back from what was printed", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }), (nanoseconds) => {
        expect(parseDuration(formatDuration(nanoseconds))).toBe(nanoseconds);
      }),
      { seed: 1 },
    );
  });
});
