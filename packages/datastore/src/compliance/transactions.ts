import { expect, it } from "vitest";
import type { Transaction } from "../datastore.ts";
import { MAX_TRANSACTION_OPERATIONS } from "../shared/validate.ts";
import { failure, type GetSubject, line, present, revisionNow, startWatch } from "./fixture.ts";

/** Several keys in one step. A backend without transactions must say UNSUPPORTED, and nothing else is asked of it. */
export function transactionTests(subject: GetSubject): void {
  const ifAble = (name: string, test: () => Promise<void>) =>
    it(name, async () => {
      const { store } = subject();
      if (store.abilities.transactions) await test();
      else await failure(store.commit({ compares: [], operations: [] }), "UNSUPPORTED");
    });

  ifAble("all compares hold: everything happens, at one revision", async () => {
    const { store, prefix } = subject();
    const a = await store.put(`${prefix}a`, "1");
    const gone = await store.put(`${prefix}gone`, "1");
    const result = await store.commit({
      compares: [
        { key: a.key, modRevision: a.modRevision },
        { key: `${prefix}b`, exists: false },
        { key: `${prefix}c`, modRevision: 0n },
        { key: gone.key, exists: true },
      ],
      operations: [{ put: a.key, value: "2" }, { put: `${prefix}b`, value: "1" }, { delete: gone.key }],
    });
    expect(result).toEqual({ committed: true, revision: gone.modRevision + 1n });
    const { items, revision } = await store.list(prefix);
    expect(revision).toBe(result.revision);
    expect(items).toEqual([
      { ...a, value: "2", version: 2n, modRevision: result.revision },
      {
        key: `${prefix}b`,
        value: "1",
        version: 1n,
        modRevision: result.revision,
        createRevision: result.revision,
        lease: 0n,
      },
    ]);
  });

  ifAble("one compare fails: nothing happens, and the compared keys come back as they are", async () => {
    const { store, prefix } = subject();
    const a = await store.put(`${prefix}a`, "1");
    const b = await store.put(`${prefix}b`, "1");
    const attempt = (compares: Transaction["compares"]) =>
      store.commit({ compares, operations: [{ put: `${prefix}new`, value: "x" }, { delete: a.key }] });
    const failing: Transaction["compares"][] = [
      [
        { key: a.key, modRevision: a.modRevision },
        { key: b.key, modRevision: a.modRevision },
        { key: `${prefix}c`, exists: false },
      ],
      [{ key: a.key, exists: false }],
      [{ key: `${prefix}c`, exists: true }],
      [{ key: `${prefix}c`, modRevision: a.modRevision }],
      [{ key: a.key, modRevision: 0n }],
    ];
    const current = new Map([a, b].map((item) => [item.key, item]));
    for (const compares of failing) {
      const result = await attempt(compares);
      expect(result).toEqual({
        committed: false,
        revision: result.revision,
        current: compares.map(({ key }) => current.get(key)),
      });
    }
    expect(await store.list(prefix)).toEqual({ items: [a, b], revision: b.modRevision, more: false });
  });

  ifAble("without compares it is a group of writes", async () => {
    const { store, prefix } = subject();
    const result = await store.commit({
      compares: [],
      operations: [
        { put: `${prefix}a`, value: "1" },
        { put: `${prefix}b`, value: "2" },
      ],
    });
    expect(result.committed).toBe(true);
    const { items } = await store.list(prefix);
    expect(items.map((item) => item.modRevision)).toEqual([result.revision, result.revision]);
  });

  ifAble("one that writes nothing makes no revision", async () => {
    const { store, prefix } = subject();
    const a = await store.put(`${prefix}a`, "1");
    const compares = [{ key: a.key, modRevision: a.modRevision }];
    const nothing = { committed: true, revision: a.modRevision };
    expect(await store.commit({ compares, operations: [] })).toEqual(nothing);
    expect(await store.commit({ compares, operations: [{ delete: `${prefix}none` }] })).toEqual(nothing);
    expect(await revisionNow(subject())).toBe(a.modRevision);
  });

  ifAble("a watch gets it as one batch", async () => {
    const { store, prefix } = subject();
    const x = await store.put(`${prefix}x`, "1");
    const reader = startWatch(subject(), x.modRevision + 1n, { previous: true });
    const operations = [
      { put: `${prefix}b`, value: "1" },
      { put: `${prefix}a`, value: "1" },
      { delete: `${prefix}x` },
      { put: `${prefix}c`, value: "1" },
    ];
    const { revision } = await store.commit({ compares: [], operations });
    const batch = await reader.batch();
    expect(batch.events.map((event) => line(subject(), event))).toEqual(["+b=1", "+a=1", "-x", "+c=1"]);
    expect(batch.events[2]?.previous).toEqual(x);
    expect(batch.revision).toBe(revision);
    reader.close();
  });

  ifAble("a key written twice is INVALID; too many operations are TOO_LARGE; neither writes", async () => {
    const { store, prefix } = subject();
    const put = { put: `${prefix}a`, value: "1" };
    await failure(store.commit({ compares: [], operations: [put, put] }), "INVALID");
    await failure(store.commit({ compares: [], operations: [put, { delete: put.put }] }), "INVALID");
    await failure(store.commit({ compares: [{ key: "", exists: true }], operations: [put] }), "INVALID");
    const puts = Array.from({ length: MAX_TRANSACTION_OPERATIONS + 1 }, (_, index) => ({
      put: `${prefix}${index}`,
      value: "",
    }));
    await failure(store.commit({ compares: [], operations: puts }), "TOO_LARGE");
    expect((await store.list(prefix)).items).toEqual([]);
    expect((await store.commit({ compares: [], operations: puts.slice(1) })).committed).toBe(true);
    expect((await store.list(prefix)).items).toHaveLength(MAX_TRANSACTION_OPERATIONS);
  });

  ifAble("parallel transfers between two keys keep their sum", async () => {
    const { store, prefix } = subject();
    const [from, to] = [`${prefix}from`, `${prefix}to`];
    await store.put(from, "40");
    await store.put(to, "0");
    const transferOne = async () => {
      for (;;) {
        const [a, b] = [present(await store.get(from)), present(await store.get(to))];
        const result = await store.commit({
          compares: [a, b].map(({ key, modRevision }) => ({ key, modRevision })),
          operations: [
            { put: from, value: String(Number(a.value) - 1) },
            { put: to, value: String(Number(b.value) + 1) },
          ],
        });
        if (result.committed) return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, transferOne));
    expect((await store.list(prefix)).items.map((item) => item.value)).toEqual(["32", "8"]);
  });
}
