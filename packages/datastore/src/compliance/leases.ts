import { expect, it } from "vitest";
import { eventually, failure, type GetSubject, line, present, revisionNow, startWatch } from "./fixture.ts";

/** Short, and at least what etcd grants with its default election timeout. */
const TTL = 2;

/** Keys that die with their owner. A backend without leases must say UNSUPPORTED, and nothing else is asked of it. */
export function leaseTests(subject: GetSubject): void {
  const ifAble = (name: string, test: () => Promise<void>) =>
    it(name, async () => {
      const { store } = subject();
      if (store.abilities.leases) return test();
      await failure(store.grantLease(TTL), "UNSUPPORTED");
      await failure(store.keepLeaseAlive(1n), "UNSUPPORTED");
      await failure(store.revokeLease(1n), "UNSUPPORTED");
    });

  ifAble("a key keeps the lease it was last put with", async () => {
    const { store, prefix } = subject();
    const lease = await store.grantLease(60);
    expect(lease).toBeGreaterThan(0n);
    expect(await store.create(`${prefix}a`, "1", { lease })).toMatchObject({ lease });
    expect(present(await store.get(`${prefix}a`)).lease).toBe(lease);
    const updated = await store.put(`${prefix}a`, "2");
    expect(updated.lease).toBe(0n);
    expect(await store.update(`${prefix}a`, "3", updated.modRevision, { lease })).toMatchObject({ lease });
    await store.revokeLease(lease);
  });

  ifAble("revoking deletes its keys at one revision, and no others", async () => {
    const { store, prefix } = subject();
    const lease = await store.grantLease(60);
    await store.put(`${prefix}b`, "", { lease });
    await store.put(`${prefix}a`, "", { lease });
    await store.put(`${prefix}kept`, "", { lease });
    await store.put(`${prefix}kept`, "freed");
    const reader = startWatch(subject(), (await revisionNow(subject())) + 1n);
    await store.revokeLease(lease);
    const { events } = await reader.batch();
    expect(events.map((event) => line(subject(), event))).toEqual(["-a", "-b"]);
    expect((await store.list(prefix)).items.map((item) => item.value)).toEqual(["freed"]);
    reader.close();
  });

  ifAble("an unknown, revoked or never granted lease is NOT_FOUND, and nothing is put with it", async () => {
    const { store, prefix } = subject();
    const lease = await store.grantLease(60);
    await store.revokeLease(lease);
    await failure(store.revokeLease(lease), "NOT_FOUND");
    await failure(store.keepLeaseAlive(lease), "NOT_FOUND");
    await failure(store.put(`${prefix}a`, "", { lease }), "NOT_FOUND");
    await failure(store.create(`${prefix}a`, "", { lease }), "NOT_FOUND");
    if (store.abilities.transactions) {
      const operations = [
        { put: `${prefix}b`, value: "" },
        { put: `${prefix}a`, value: "", lease },
      ];
      await failure(store.commit({ compares: [], operations }), "NOT_FOUND");
    }
    expect((await store.list(prefix)).items).toEqual([]);
  });

  ifAble("a time to live that is none is INVALID", async () => {
    const { store } = subject();
    for (const seconds of [0, -1, 1.5, Number.NaN]) await failure(store.grantLease(seconds), "INVALID");
  });

  ifAble("kept alive it lives beyond its time; left alone it expires and takes its keys along", async () => {
    const { store, prefix } = subject();
    const [kept, left] = [await store.grantLease(TTL), await store.grantLease(TTL)];
    await store.put(`${prefix}kept`, "", { lease: kept });
    await store.put(`${prefix}left`, "", { lease: left });
    const reader = startWatch(subject(), (await revisionNow(subject())) + 1n);
    const gone = (key: string) => async () => (await store.get(prefix + key)) === undefined;

    await eventually(subject(), "the lease left alone has expired", async () => {
      expect(await store.keepLeaseAlive(kept)).toBeGreaterThanOrEqual(TTL);
      return gone("left")();
    });
    expect(await gone("kept")()).toBe(false);
    await failure(store.keepLeaseAlive(left), "NOT_FOUND");

    await eventually(subject(), "the lease kept alive no longer has expired", gone("kept"));
    expect((await reader.take(2)).map((event) => line(subject(), event))).toEqual(["-left", "-kept"]);
    reader.close();
  });
}
