import fc from "fast-check";
import { expect, it } from "vitest";
import { SortedKeys, type Span } from "../../../src/server/storage/sorted-keys.ts";

/** Many more than a run holds, so that runs are halved; and spans of them go, so that runs vanish. */
const keys = fc.nat(4000).map((number) => `k${number.toString(36)}`);
const many = fc.array(keys, { maxLength: 1500, size: "max" });
const spans = fc.record({ start: fc.oneof(keys, fc.constant("")), end: fc.option(keys, { nil: undefined }) });
const step = fc.oneof(fc.record({ add: many }), fc.record({ add: many }), fc.record({ remove: spans }));

const isIn = (key: string, { start, end }: Span) => key >= start && (end === undefined || key < end);

it("has what was added and not removed, in order, by any span", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(keys, { maxLength: 1500, size: "max" }),
      fc.array(step, { maxLength: 6 }),
      fc.array(spans, { minLength: 8, maxLength: 8 }),
      fc.nat(1200),
      (initial, steps, asked, limit) => {
        const sorted = new SortedKeys(initial.toSorted());
        const model = new Set(initial);
        for (const one of steps) {
          const removed = "remove" in one ? [...model].filter((key) => isIn(key, one.remove)) : [];
          for (const key of "add" in one ? one.add : []) {
            sorted.add(key);
            model.add(key);
          }
          for (const key of [...removed, "never there"]) {
            sorted.delete(key);
            model.delete(key);
          }
        }
        for (const span of asked) {
          const expected = [...model].filter((key) => isIn(key, span)).sort();
          expect(sorted.take(span)).toEqual(expected);
          expect(sorted.take(span, limit)).toEqual(expected.slice(0, limit));
          expect([...sorted.each(span)]).toEqual(expected);
          expect(sorted.count(span)).toBe(expected.length);
        }
      },
    ),
    // To make so much smaller would take minutes and show nothing.
    { seed: 7, numRuns: 40, endOnFailure: true },
  );
});
