import { Scope } from "@ocicat/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../../src/server/storage/entry.ts";
import { RecentEntries } from "../../../src/server/storage/recent.ts";
import { bytes, openStore, text } from "../support/store.ts";

const entry = (key: string, value: Uint8Array) => ({
  key: bytes(key),
  value,
  modRevision: 1,
  createRevision: 1,
  version: 1,
  lease: 0n,
});

describe("RecentEntries", () => {
  it("keeps what was kept last, within its bytes", () => {
    const recent = new RecentEntries(100_000);
    for (let id = 0; id < 1000; id++) recent.keep({ id, entry: entry(`${id}`, Buffer.alloc(600)) }, true);
    expect(recent.get(bytes("999"))?.id).toBe(999);
    expect(recent.get(bytes("920"))?.id).toBe(920);
    expect(recent.get(bytes("800"))).toBeUndefined();
  });

  it("lets no large value drive the others out, nor stand for what it was before", () => {
    const recent = new RecentEntries(100_000);
    recent.keep({ id: 1, entry: entry("a", Buffer.alloc(10)) }, true);
    recent.keep({ id: 2, entry: entry("b", Buffer.alloc(10)) }, true);
    recent.keep({ id: 3, entry: entry("a", Buffer.alloc(50_000)) }, true);
    expect([recent.get(bytes("a")), recent.get(bytes("b"))?.id]).toEqual([undefined, 2]);
  });

  it("copies what others have a hand on", () => {
    const recent = new RecentEntries(100_000);
    const value = Buffer.from("old");
    recent.keep({ id: 1, entry: entry("a", value) }, false);
    value.write("new");
    expect(text(recent.get(bytes("a"))?.entry.value ?? bytes(""))).toBe("old");
  });
});

describe("a store", () => {
  const KEYS = ["a", "b", "c"];
  const step = fc.record({
    act: fc.constantFrom("put", "put", "delete", "throw", "rollback", "read"),
    key: fc.constantFrom(...KEYS),
    value: fc.string({ maxLength: 3 }),
  });

  it("says of each key alone what it says of all, whatever was written, thrown and rolled back", async () => {
    await using scope = new Scope("recent");
    const store = openStore(scope);
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 8 }), (groups) => {
        for (const group of groups) {
          store.begin();
          for (const { act, key, value } of group) {
            const request = () =>
              store.request((writer) => {
                if (act === "read") writer.entries({ kind: "one", key: bytes(key) }, { values: true });
                else if (act === "delete") writer.delete({ kind: "one", key: bytes(key) });
                else writer.put(bytes(key), bytes(value), 0n);
                if (act === "throw") throw new Error("halfway");
              });
            if (act === "throw") expect(request).toThrow("halfway");
            else request();
          }
          if (group.some(({ act }) => act === "rollback")) store.rollback();
          else store.commit();
          const all = store.entries({ kind: "from", start: bytes("a") }, { values: true });
          const alone = KEYS.flatMap((key) => store.entries({ kind: "one", key: bytes(key) }, { values: true }));
          expect(alone.map(plain)).toEqual(all.map(plain));
        }
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

function plain({ key, value, ...rest }: Entry) {
  return { ...rest, key: text(key), value: text(value) };
}
