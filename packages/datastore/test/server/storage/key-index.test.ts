import { Scope } from "@ocicat/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../../src/server/storage/entry.ts";
import { HistoryTable } from "../../../src/server/storage/history-table.ts";
import { KeyIndex } from "../../../src/server/storage/key-index.ts";
import { byteString, type KeyRange } from "../../../src/server/storage/key-range.ts";
import type { Store } from "../../../src/server/storage/store.ts";
import { View } from "../../../src/server/storage/view.ts";
import { bytes, openStore, text, write } from "../support/store.ts";

const EMPTY = bytes("");
const EVERYTHING: KeyRange = { kind: "from", start: EMPTY };
const keys = fc
  .tuple(fc.constantFrom("a", "b", "c", "\u00ff"), fc.nat(10))
  .map(([letter, number]) => Buffer.from(`${letter}${number}`, "latin1"));
const ranges: fc.Arbitrary<KeyRange> = fc.oneof(
  fc.record({ kind: fc.constant("one" as const), key: keys }),
  fc.record({ kind: fc.constant("span" as const), start: fc.oneof(keys, fc.constant(EMPTY)), end: keys }),
  fc.record({ kind: fc.constant("from" as const), start: fc.oneof(keys, fc.constant(EMPTY)) }),
);
const requests = fc.array(
  fc.record({
    writes: fc.array(fc.oneof(fc.record({ put: keys, lease: fc.bigInt(0n, 3n) }), fc.record({ delete: ranges })), {
      maxLength: 4,
    }),
    throws: fc.constantFrom(false, false, false, true),
  }),
  { maxLength: 8 },
);
const groups = fc.array(fc.record({ requests, rollsBack: fc.constantFrom(false, false, false, true) }), {
  minLength: 1,
  maxLength: 8,
});

/** All that a store says of the present, in plain text. */
function present(store: Store) {
  const plain = ({ key, value, ...rest }: Entry) => ({ ...rest, key: byteString(key), value: text(value) });
  const leased = [1n, 2n, 3n].map((lease) => store.leasedKeys(lease).map(byteString));
  return { entries: store.entries(EVERYTHING, { values: true }).map(plain), leased };
}

/** The same of an index that is made from the file. */
function anew(store: Store) {
  const history = new HistoryTable(store.file.db);
  const index = new KeyIndex(history.all());
  const entries = index.live(EVERYTHING).map((key) => {
    const { id, previousId: _, ...slot } = index.slot(key);
    return { ...slot, key, value: text(history.value(id)) };
  });
  return { entries, leased: [1n, 2n, 3n].map((lease) => index.leasedKeys(lease)) };
}

describe("the index of keys", () => {
  it("is what the file says, whatever was written, thrown and rolled back", async () => {
    await using scope = new Scope("index");
    const store = openStore(scope);
    let value = 0;
    fc.assert(
      fc.property(groups, fc.array(ranges, { minLength: 3, maxLength: 6 }), (all, asked) => {
        const start = store.revision;
        for (const { requests: some, rollsBack } of all) {
          store.begin();
          for (const { writes, throws } of some) {
            const request = () =>
              store.request((writer) => {
                for (const one of writes) {
                  if ("put" in one) writer.put(one.put, bytes(`${value++}`), one.lease);
                  else writer.delete(one.delete);
                }
                if (throws) throw new Error("halfway");
              });
            if (throws) expect(request).toThrow("halfway");
            else request();
          }
          if (rollsBack) store.rollback();
          else store.commit();
          expect(present(store)).toEqual(anew(store));
        }
        for (const range of asked) {
          const found = store.entries(range, { values: false });
          expect(store.entries(range, { values: false, limit: 2 })).toEqual(found.slice(0, 2));
          expect(store.count(range)).toBe(found.length);
          for (const revision of [start, Math.floor((start + store.revision) / 2)]) {
            expect(store.countAt(range, revision)).toBe(store.entriesAt(range, revision).length);
          }
        }
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it("keeps as many values as it may, and reads the others from the file", async () => {
    await using scope = new Scope("index");
    const store = openStore(scope);
    const history = new HistoryTable(store.file.db);
    const index = new KeyIndex(history.all(), 250);
    const kept = () => index.live(EVERYTHING).filter((key) => index.slot(key).value !== undefined);
    const put = (key: string) => {
      write(store, (writer) => writer.put(bytes(key), bytes(key.repeat(100)), 0n));
      for (const change of store.changesSince(store.revision)) index.take(change);
    };
    for (const key of ["a", "b", "c"]) put(key);
    expect(kept()).toEqual(["b", "c"]);
    put("d");
    expect(kept()).toEqual(["c", "d"]);
    index.takeBack(0);
    expect(kept()).toEqual([]);

    const again = new KeyIndex(history.all(), 250);
    const view = new View(history, again, () => ({ revision: 1, compactRevision: 0, nextId: 1 }));
    for (const limit of [3, 2]) {
      const values = view.entries(EVERYTHING, { values: true, limit }).map(({ value }) => text(value));
      expect(values).toEqual(["a", "b", "c"].slice(0, limit).map((key) => key.repeat(100)));
    }
    expect(again.live(EVERYTHING).filter((key) => again.slot(key).value !== undefined).length).toBe(2);
  });

  it("keeps values as they were written, whatever becomes of the bytes they came in", async () => {
    await using scope = new Scope("index");
    const store = openStore(scope);
    const value = Buffer.from([0, 0x80, 0xff, 0x41]);
    write(store, (writer) => writer.put(bytes("a"), value, 0n));
    value.fill(1);
    const [entry] = store.entries({ kind: "one", key: bytes("a") }, { values: true });
    expect(Buffer.from(entry?.value ?? EMPTY)).toEqual(Buffer.from([0, 0x80, 0xff, 0x41]));
  });
});
