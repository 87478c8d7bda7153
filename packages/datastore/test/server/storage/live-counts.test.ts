import { Scope } from "@ocicat/kit";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { KeyRange } from "../../../src/server/storage/key-range.ts";
import { LiveCounts } from "../../../src/server/storage/live-counts.ts";
import { bytes, openStore } from "../support/store.ts";

const keys = fc
  .tuple(fc.constantFrom("a", "b", "c", "\u00ff"), fc.nat(40))
  .map(([letter, number]) => Buffer.from(`${letter}${number}`, "latin1"));
const EMPTY = bytes("");
const ranges: fc.Arbitrary<KeyRange> = fc.oneof(
  fc.record({ kind: fc.constant("one" as const), key: keys }),
  fc.record({ kind: fc.constant("span" as const), start: fc.oneof(keys, fc.constant(EMPTY)), end: keys }),
  fc.record({ kind: fc.constant("from" as const), start: fc.oneof(keys, fc.constant(EMPTY)) }),
);
const groups = fc.array(
  fc.record({
    puts: fc.array(keys, { maxLength: 30 }),
    deletes: fc.array(ranges, { maxLength: 1 }),
    rollsBack: fc.constantFrom(false, false, false, true),
  }),
  { minLength: 1, maxLength: 12 },
);

it("counts what a look at every key counts, now and as it was, whatever was written and rolled back", async () => {
  await using scope = new Scope("counts");
  const store = openStore(scope);
  const { db } = store.file;
  const each = (range: KeyRange) => store.entries(range, { values: false }).length;
  // Stretches so short that there are many; and made anew they are the same.
  const counts = new LiveCounts(db, each, 4);
  fc.assert(
    fc.property(groups, fc.array(ranges, { minLength: 3, maxLength: 8 }), (all, asked) => {
      const before = store.revision;
      for (const { puts, deletes, rollsBack } of all) {
        store.begin();
        for (const key of puts) store.request((writer) => writer.put(key, EMPTY, 0n));
        for (const range of deletes) store.request((writer) => writer.delete(range));
        if (rollsBack) store.rollback();
        else counts.take(store.commit().changes);
      }
      for (const range of asked) {
        const found = each(range);
        expect([counts.count(range), new LiveCounts(db, each, 4).count(range), store.count(range)]).toEqual([
          found,
          found,
          found,
        ]);
        for (const revision of [before, Math.floor((before + store.revision) / 2)]) {
          expect(store.countAt(range, revision)).toBe(store.entriesAt(range, revision).length);
        }
      }
    }),
    { seed: 7, numRuns: 60 },
  );
});
