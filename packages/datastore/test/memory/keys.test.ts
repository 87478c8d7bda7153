import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKeys, lowerBound, utf8Length } from "../../src/shared/keys.ts";

const text = fc.string({ unit: "binary", maxLength: 6 });

describe("key order", () => {
  it("is that of the UTF-8 bytes", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      {
        seed: 1,
        numRuns: 2000,
        examples: [
          ["\uFFFD", "🔑"],
          ["\uD7FF", "🔑"],
          ["a", "a🔑"],
          ["🔐", "🔑"],
        ],
      },
    );
  });

  it("lowerBound() is the first key that is not below", () => {
    fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 20 }), text, (keys, key) => {
        const sorted = keys.toSorted(compareKeys);
        const expected = sorted.findIndex((other) => compareKeys(other, key) >= 0);
        expect(lowerBound(sorted, key)).toBe(expected < 0 ? sorted.length : expected);
      }),
      { seed: 2 },
    );
  });

  it("utf8Length() is the number of bytes", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(utf8Length(value)).toBe(Buffer.byteLength(value));
      }),
      { seed: 3, numRuns: 1000, examples: [["\u007f\u0080\u07ff\u0800\uffff🔑"]] },
    );
  });
});
