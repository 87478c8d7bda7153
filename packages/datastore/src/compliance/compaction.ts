import { expect, it, type TestContext } from "vitest";
import type { Revision } from "../datastore.ts";
import { failure, type GetSubject, line, startWatch } from "./fixture.ts";

/** History that is gone must be said to be gone: silence would be a missed change. */
export function compactionTests(subject: GetSubject): void {
  const compactOrSkip = (context: TestContext): ((revision: Revision) => Promise<void>) => {
    const { compact } = subject();
    return compact ?? context.skip("this backend offers no compaction");
  };

  it("reads below it are COMPACTED; at it and above they show what was", async (context) => {
    const compact = compactOrSkip(context);
    const { store, prefix } = subject();
    const first = await store.put(`${prefix}a`, "1");
    const other = await store.put(`${prefix}b`, "1");
    await store.delete(`${prefix}b`);
    const second = await store.put(`${prefix}a`, "2");
    const third = await store.put(`${prefix}a`, "3");
    await compact(second.modRevision);
    await failure(store.get(`${prefix}a`, first.modRevision), "COMPACTED");
    await failure(store.list(prefix, { revision: other.modRevision }), "COMPACTED");
    expect((await store.list(prefix, { revision: second.modRevision })).items).toEqual([second]);
    expect(await store.get(`${prefix}a`, third.modRevision)).toEqual(third);
    expect((await store.list(prefix)).items).toEqual([third]);
  });

  it("a watch from below it, or from it, throws COMPACTED; one from above runs", async (context) => {
    const compact = compactOrSkip(context);
    const { store, prefix } = subject();
    const first = await store.put(`${prefix}a`, "1");
    await store.put(`${prefix}a`, "2");
    await store.delete(`${prefix}a`);
    const last = await store.put(`${prefix}a`, "3");
    const deleted = last.modRevision - 1n;
    await compact(deleted);
    // From the compaction's own revision too: etcd may leave out a deletion there without a word (its issue 18089).
    for (const from of [first.modRevision, first.modRevision + 1n, deleted]) {
      const reader = startWatch(subject(), from);
      const error = await failure(reader.ended(), "COMPACTED");
      expect(error.retryable).toBe(false);
      expect(await reader.ended()).toBe(true);
    }
    const reader = startWatch(subject(), deleted + 1n);
    expect((await reader.take(1)).map((event) => line(subject(), event))).toEqual(["+a=3"]);
    reader.close();
  });

  it("a running watch does not notice it", async (context) => {
    const compact = compactOrSkip(context);
    const { store, prefix } = subject();
    const first = await store.put(`${prefix}a`, "1");
    const reader = startWatch(subject(), first.modRevision + 1n, { previous: true });
    const second = await store.put(`${prefix}a`, "2");
    expect(await reader.take(1)).toEqual([{ type: "put", item: second, previous: first }]);
    await compact(second.modRevision);
    const third = await store.put(`${prefix}a`, "3");
    expect(await reader.take(1)).toEqual([{ type: "put", item: third, previous: second }]);
    reader.close();
  });

  it("twice at one revision is COMPACTED, beyond the newest FUTURE_REVISION", async (context) => {
    const compact = compactOrSkip(context);
    const { store, prefix } = subject();
    const { modRevision } = await store.put(`${prefix}a`, "1");
    await compact(modRevision);
    await failure(compact(modRevision), "COMPACTED");
    await failure(compact(modRevision + 1000n), "FUTURE_REVISION");
  });
}
