import { expect, it } from "vitest";
import { DatastoreError } from "../errors.ts";
import { counted, failure, type GetSubject, line, present, revisionNow, startWatch } from "./fixture.ts";

/** Many at once, and the end. */
export function concurrencyTests(subject: GetSubject): void {
  it("parallel compare-and-swap increments lose none", async () => {
    const { store, prefix } = subject();
    const [workers, each] = [8, 12];
    const key = `${prefix}counter`;
    const start = await store.create(key, "0");
    const work = async () => {
      let known = start;
      for (let done = 0; done < each; ) {
        try {
          known = await store.update(key, String(Number(known.value) + 1), known.modRevision);
          done += 1;
        } catch (error) {
          if (!(error instanceof DatastoreError) || error.code !== "CONFLICT") throw error;
          known = present(error.current);
        }
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    expect(await store.get(key)).toMatchObject({
      value: String(workers * each),
      version: counted(subject(), BigInt(workers * each + 1)),
    });
  });

  it("of many creates of one key exactly one wins", async () => {
    const { store, prefix } = subject();
    const attempts = Array.from({ length: 20 }, (_, index) => store.create(`${prefix}a`, String(index)));
    const results = await Promise.allSettled(attempts);
    const winners = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(winners).toHaveLength(1);
    expect(await store.get(`${prefix}a`)).toEqual(winners[0]);
    for (const result of results) {
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({ code: "ALREADY_EXISTS", current: winners[0] });
    }
  });

  it("many calls in flight each get their own answer", async () => {
    const { store, prefix } = subject();
    const keys = Array.from({ length: 200 }, (_, index) => `${prefix}${index}`);
    const written = await Promise.all(keys.map((key) => store.put(key, key)));
    expect(new Set(written.map((item) => item.modRevision)).size).toBe(keys.length);
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(written);
  });

  it("a write is in every read and list that begins after it", async () => {
    const { store, prefix } = subject();
    for (let index = 0; index < 20; index++) {
      const written = await store.put(`${prefix}a`, String(index));
      expect(await store.get(`${prefix}a`)).toEqual(written);
      expect((await store.list(prefix)).revision).toBeGreaterThanOrEqual(written.modRevision);
    }
  });

  it("close() ends running watches without an error; every call after it is CLOSED; twice is once", async () => {
    const { store, prefix } = subject();
    const reader = startWatch(subject(), (await revisionNow(subject())) + 1n);
    await store.put(`${prefix}a`, "1");
    expect((await reader.take(1)).map((event) => line(subject(), event))).toEqual(["+a=1"]);
    const ended = reader.ended();
    await store.close();
    expect(await ended).toBe(true);
    await store.close();
    await failure(store.get(`${prefix}a`), "CLOSED");
    await failure(store.list(prefix), "CLOSED");
    await failure(store.put(`${prefix}a`, "2"), "CLOSED");
    await failure(() => store.watch(prefix, { from: 1n }), "CLOSED");
  });
}
