import { expect, it } from "vitest";
import { counted, failure, type GetSubject, present, revisionNow } from "./fixture.ts";

/** One key at a time: create, read, update, put, delete, and the compare-and-swap that guards them. */
export function keyTests(subject: GetSubject): void {
  it("a key that was never written is undefined", async () => {
    const { store, prefix } = subject();
    expect(await store.get(`${prefix}nothing`)).toBeUndefined();
  });

  it("create() writes a new key, and get() returns it whole", async () => {
    const { store, prefix } = subject();
    const before = await revisionNow(subject());
    const created = await store.create(`${prefix}a`, "one");
    expect(created).toMatchObject({ key: `${prefix}a`, value: "one", lease: 0n });
    expect(created.version).toBe(counted(subject(), 1n));
    expect(created.modRevision).toBeGreaterThan(before);
    expect(created.createRevision).toBe(counted(subject(), created.modRevision));
    expect(await store.get(`${prefix}a`)).toEqual(created);
  });

  it("create() of a key that exists is ALREADY_EXISTS with the key as it is, and changes nothing", async () => {
    const { store, prefix } = subject();
    const created = await store.create(`${prefix}a`, "one");
    const error = await failure(store.create(`${prefix}a`, "two"), "ALREADY_EXISTS");
    expect(error.current).toEqual(created);
    expect(await store.get(`${prefix}a`)).toEqual(created);
  });

  it("update() at the key's revision writes, keeps the creation and counts the version", async () => {
    const { store, prefix } = subject();
    const created = await store.create(`${prefix}a`, "one");
    const updated = await store.update(`${prefix}a`, "two", created.modRevision);
    expect(updated).toMatchObject({ value: "two", createRevision: created.createRevision });
    expect(updated.version).toBe(counted(subject(), 2n));
    expect(updated.modRevision).toBeGreaterThan(created.modRevision);
    expect(await store.get(`${prefix}a`)).toEqual(updated);
  });

  it("update() at an old revision is CONFLICT with the key as it is, and changes nothing", async () => {
    const { store, prefix } = subject();
    const created = await store.create(`${prefix}a`, "one");
    const updated = await store.update(`${prefix}a`, "two", created.modRevision);
    const error = await failure(store.update(`${prefix}a`, "three", created.modRevision), "CONFLICT");
    expect(error.current).toEqual(updated);
    expect(error.retryable).toBe(false);
    expect(await store.get(`${prefix}a`)).toEqual(updated);
  });

  it("update() of a key that does not exist is NOT_FOUND, also when it existed at that revision", async () => {
    const { store, prefix } = subject();
    await failure(store.update(`${prefix}a`, "x", 5n), "NOT_FOUND");
    const created = await store.create(`${prefix}a`, "one");
    await store.delete(`${prefix}a`);
    await failure(store.update(`${prefix}a`, "x", created.modRevision), "NOT_FOUND");
    expect(await store.get(`${prefix}a`)).toBeUndefined();
  });

  it("put() writes whether the key exists or not, and tells its history", async () => {
    const { store, prefix } = subject();
    const first = await store.put(`${prefix}a`, "one");
    expect(first).toMatchObject({ value: "one", version: counted(subject(), 1n) });
    const second = await store.put(`${prefix}a`, "one");
    expect(second).toMatchObject({ version: counted(subject(), 2n), createRevision: first.createRevision });
    expect(second.modRevision).toBeGreaterThan(first.modRevision);
    expect(await store.get(`${prefix}a`)).toEqual(second);
  });

  it("delete() returns what it deleted; a second one is NOT_FOUND", async () => {
    const { store, prefix } = subject();
    const created = await store.create(`${prefix}a`, "one");
    expect(await store.delete(`${prefix}a`)).toEqual(created);
    expect(await store.get(`${prefix}a`)).toBeUndefined();
    await failure(store.delete(`${prefix}a`), "NOT_FOUND");
  });

  it("delete() at a revision deletes only that version: CONFLICT with the key as it is, NOT_FOUND when it is gone", async () => {
    const { store, prefix } = subject();
    const created = await store.create(`${prefix}a`, "one");
    const updated = await store.update(`${prefix}a`, "two", created.modRevision);
    const error = await failure(store.delete(`${prefix}a`, created.modRevision), "CONFLICT");
    expect(error.current).toEqual(updated);
    expect(await store.delete(`${prefix}a`, updated.modRevision)).toEqual(updated);
    await failure(store.delete(`${prefix}a`, updated.modRevision), "NOT_FOUND");
  });

  it("a key deleted and created again begins a new life", async () => {
    const { store, prefix } = subject();
    const first = await store.create(`${prefix}a`, "one");
    await store.put(`${prefix}a`, "two");
    await store.delete(`${prefix}a`);
    const second = await store.create(`${prefix}a`, "three");
    expect(second.version).toBe(counted(subject(), 1n));
    expect(second.createRevision).toBe(counted(subject(), second.modRevision));
    expect(second.modRevision).toBeGreaterThan(first.modRevision);
  });

  it("get() at an old revision shows the key as it was, absent before its creation and after its deletion", async () => {
    const { store, prefix } = subject();
    const before = await revisionNow(subject());
    const first = await store.put(`${prefix}a`, "one");
    const second = await store.put(`${prefix}a`, "two");
    await store.delete(`${prefix}a`);
    const after = await revisionNow(subject());
    expect(await store.get(`${prefix}a`, before)).toBeUndefined();
    expect(await store.get(`${prefix}a`, first.modRevision)).toEqual(first);
    expect(await store.get(`${prefix}a`, second.modRevision)).toEqual(second);
    expect(await store.get(`${prefix}a`, after)).toBeUndefined();
  });

  it("get() at a revision that has not happened yet is FUTURE_REVISION", async () => {
    const { store, prefix } = subject();
    const now = await revisionNow(subject());
    await failure(store.get(`${prefix}a`, now + 1000n), "FUTURE_REVISION");
  });

  it("an empty value is a value", async () => {
    const { store, prefix } = subject();
    await store.create(`${prefix}empty`, "");
    expect(present(await store.get(`${prefix}empty`)).value).toBe("");
    await failure(store.create(`${prefix}empty`, "x"), "ALREADY_EXISTS");
  });

  it("keys and values keep every character", async () => {
    const { store, prefix } = subject();
    const texts = [
      "é",
      "钥匙",
      "🔑",
      "a\u0000b",
      "\uFEFFmark first",
      "\uFFFD",
      "line\nline\ttab",
      '{"json":"✓"}',
      "%2F//",
      "\u{10FFFF}",
    ];
    for (const text of texts) await store.put(prefix + text, text);
    for (const text of texts) {
      expect(await store.get(prefix + text)).toMatchObject({ key: prefix + text, value: text });
    }
    const keys = (await store.list(prefix)).items.map((item) => item.key);
    expect(keys.toSorted()).toEqual(texts.map((text) => prefix + text).toSorted());
  });

  it("a value of a mebibyte is stored; one no server takes is TOO_LARGE, and the store lives on", async () => {
    const { store, prefix } = subject();
    const large = "ä".repeat(2 ** 19);
    await store.put(`${prefix}large`, large);
    expect(present(await store.get(`${prefix}large`)).value === large).toBe(true);
    await failure(store.put(`${prefix}larger`, "x".repeat(4 * 2 ** 20)), "TOO_LARGE");
    expect(await store.get(`${prefix}larger`)).toBeUndefined();
  });

  it("what cannot be stored is INVALID and refused whole", async () => {
    const { store, prefix } = subject();
    await failure(store.get(""), "INVALID");
    await failure(store.put("", "x"), "INVALID");
    await failure(store.create(`${prefix}\ud800`, "x"), "INVALID");
    await failure(store.put(`${prefix}a`, "half \udc00"), "INVALID");
    await failure(store.get(`${prefix}a`, 0n), "INVALID");
    expect((await store.list(prefix)).items).toEqual([]);
  });
}
