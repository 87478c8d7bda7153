import { expect, it } from "vitest";
import type { KeyValue, ListResult } from "../datastore.ts";
import { failure, type GetSubject, revisionNow } from "./fixture.ts";

/** Ranges: what a prefix holds, in which order, at which revision, in pages. */
export function listTests(subject: GetSubject): void {
  const names = (result: ListResult) => result.items.map((item) => item.key.slice(subject().prefix.length));

  it("an empty range has a revision all the same", async () => {
    const { store, prefix } = subject();
    const written = await store.put(`${prefix}other`, "x");
    const result = await store.list(`${prefix}none/`);
    expect(result).toEqual({ items: [], revision: result.revision, more: false });
    expect(result.revision).toBeGreaterThanOrEqual(written.modRevision);
  });

  it("holds whole items", async () => {
    const { store, prefix } = subject();
    const a = await store.put(`${prefix}a`, "1");
    await store.put(`${prefix}b`, "1");
    const b = await store.put(`${prefix}b`, "2");
    expect((await store.list(prefix)).items).toEqual<KeyValue[]>([a, b]);
  });

  it("holds exactly the keys that begin with the prefix", async () => {
    const { store, prefix } = subject();
    const keys = ["a", "a/", "a/1", "a/1/x", "a/2", "a0", "a.", "b", "A/1", "a/\u00ff", "a/\u{10FFFF}"];
    for (const key of keys) await store.put(prefix + key, "");
    expect(names(await store.list(`${prefix}a/`))).toEqual(["a/", "a/1", "a/1/x", "a/2", "a/\u00ff", "a/\u{10FFFF}"]);
    expect(names(await store.list(`${prefix}a/1`))).toEqual(["a/1", "a/1/x"]);
    expect(names(await store.list(`${prefix}a/\u{10FFFF}`))).toEqual(["a/\u{10FFFF}"]);
    expect(names(await store.list(`${prefix}b`))).toEqual(["b"]);
    expect(names(await store.list(`${prefix}c`))).toEqual([]);
  });

  it("the empty prefix holds every key", async () => {
    const { store, prefix } = subject();
    await store.put(`${prefix}a`, "");
    const keys = (await store.list("")).items.map((item) => item.key);
    expect(keys).toContain(`${prefix}a`);
  });

  it("is in the order of the keys' bytes, which is not JavaScript's", async () => {
    const { store, prefix } = subject();
    const ordered = [
      "",
      "\u0001",
      "-",
      "/",
      "0",
      "10",
      "2",
      "A",
      "_",
      "a",
      "aa",
      "é",
      "钥",
      "\uFFFD",
      "🔑",
      "\u{10FFFF}",
    ];
    for (const key of ordered.toReversed()) await store.put(`${prefix}k${key}`, "");
    expect(names(await store.list(prefix))).toEqual(ordered.map((key) => `k${key}`));
  });

  it("at an old revision shows what was, with the values of then", async () => {
    const { store, prefix } = subject();
    await store.put(`${prefix}a`, "1");
    const b = await store.put(`${prefix}b`, "1");
    await store.put(`${prefix}a`, "2");
    await store.delete(`${prefix}b`);
    await store.put(`${prefix}c`, "1");
    const then = await store.list(prefix, { revision: b.modRevision });
    expect(then.items.map((item) => [item.key.slice(prefix.length), item.value])).toEqual([
      ["a", "1"],
      ["b", "1"],
    ]);
    expect(then.revision).toBe(b.modRevision);
    expect(names(await store.list(prefix))).toEqual(["a", "c"]);
  });

  it("at a revision that has not happened yet is FUTURE_REVISION", async () => {
    const { store, prefix } = subject();
    await failure(store.list(prefix, { revision: (await revisionNow(subject())) + 1000n }), "FUTURE_REVISION");
  });

  it("limit cuts and says so; exactly full is not cut", async () => {
    const { store, prefix } = subject();
    for (const key of ["a", "b", "c"]) await store.put(prefix + key, "");
    const cut = await store.list(prefix, { limit: 2 });
    expect([names(cut), cut.more]).toEqual([["a", "b"], true]);
    const full = await store.list(prefix, { limit: 3 });
    expect([names(full), full.more]).toEqual([["a", "b", "c"], false]);
    await failure(store.list(prefix, { limit: 0 }), "INVALID");
  });

  it("after: only the keys behind it, whether it exists or not, never outside the prefix", async () => {
    const { store, prefix } = subject();
    for (const key of ["a", "p/a", "p/b", "p/c", "q"]) await store.put(prefix + key, "");
    const after = async (key: string) => names(await store.list(`${prefix}p/`, { after: prefix + key }));
    expect(await after("p/a")).toEqual(["p/b", "p/c"]);
    expect(await after("p/a\u0000")).toEqual(["p/b", "p/c"]);
    expect(await after("p/aa")).toEqual(["p/b", "p/c"]);
    expect(await after("p/c")).toEqual([]);
    expect(await after("a")).toEqual(["p/a", "p/b", "p/c"]);
    expect(await after("p")).toEqual(["p/a", "p/b", "p/c"]);
    expect(await after("z")).toEqual([]);
  });

  it("pages at one revision add up to the whole, whatever is written meanwhile", async () => {
    const { store, prefix } = subject();
    const all = Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, "0")}`);
    for (const key of all) await store.put(prefix + key, "then");
    const revision = await revisionNow(subject());

    const seen: KeyValue[] = [];
    for (let page = await store.list(prefix, { limit: 10, revision }); ; ) {
      seen.push(...page.items);
      expect(page.revision).toBe(revision);
      if (!page.more) break;
      await store.put(`${prefix}k00+${seen.length}`, "now");
      await store.put(`${prefix}k24`, "now");
      page = await store.list(prefix, { limit: 10, revision, after: seen.at(-1)?.key ?? "" });
    }
    expect(seen.map((item) => item.key.slice(prefix.length))).toEqual(all);
    expect(new Set(seen.map((item) => item.value))).toEqual(new Set(["then"]));
  });
}
