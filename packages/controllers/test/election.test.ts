import { MemoryDatastore } from "@ocicat/datastore";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { KeyElection, LEADER_KEY } from "../src/election/index.ts";
import { DATASTORES } from "./support/datastores.ts";
import { eventually } from "./support/expect.ts";

async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("of several", () => {
  const TTL = 15;
  const make = () => {
    const clock = new TestClock();
    const store = new MemoryDatastore({ clock });
    const scopes = new Map<string, Scope>();
    const elect = (identity: string, over = store) => {
      const scope = new Scope(identity);
      scopes.set(identity, scope);
      const election = new KeyElection({
        store: over,
        identity,
        ttlSeconds: TTL,
        clock,
        random: seededRandom(scopes.size),
        logger: silentLogger,
        scope,
        onChange: () => {},
      });
      election.start();
      return election;
    };
    return { clock, store, elect, close: async (name: string) => await scopes.get(name)?.close() };
  };

  it("one leads, and all know who", async () => {
    const { elect, close } = make();
    const elections = ["a", "b", "c"].map((name) => elect(name));
    await rest();
    expect(elections.filter(({ term }) => term !== undefined)).toHaveLength(1);
    expect(elections.map(({ leader }) => leader)).toEqual(["a", "a", "a"]);
    for (const name of ["a", "b", "c"]) await close(name);
  });

  it("another takes over at once when the leader ends, and within the lease's time when it is killed", async () => {
    const { clock, store, elect, close } = make();
    const [a, b] = [elect("a"), elect("b")];
    await rest();
    await close("a");
    await rest();
    expect([a.term, b.leader]).toEqual([undefined, "b"]);
    // Killed: its lease is not renewed any more. Here nobody renews it, for it is not an instance at all.
    await close("b");
    const lease = await store.grantLease(TTL);
    await store.create(LEADER_KEY, `{"holder":"dead"}`, { lease });
    const c = elect("c");
    await rest();
    expect(c.leader).toBe("dead");
    clock.advance(TTL * 1000 - 1);
    await rest();
    expect(c.term).toBeUndefined();
    clock.advance(1);
    await rest();
    expect(c.term).toBeDefined();
    await close("c");
  });

  it("the leader goes on as long as it renews, and knows when it has lost", async () => {
    const { clock, store, elect, close } = make();
    const a = elect("a");
    await rest();
    const term = a.term;
    for (let count = 0; count < 20; count++) {
      clock.advance((TTL * 1000) / 3);
      await rest();
    }
    expect(a.term).toBe(term);
    // Frozen for a minute: the store has ended the lease meanwhile, and another leads.
    const row = await store.get(LEADER_KEY);
    await store.revokeLease(row?.lease ?? 0n);
    await store.create(LEADER_KEY, `{"holder":"b"}`);
    clock.advance((TTL * 1000) / 3);
    await rest();
    expect(a.term).toBeUndefined();
    expect(a.leader).toBe("b");
    const fenced = await store.commit({
      compares: [...(term?.fence.compares ?? [])],
      operations: [{ put: "/x", value: "y" }],
    });
    expect(fenced.committed).toBe(false);
    await close("a");
  });
});

describe.each(DATASTORES)("on %s", (_name, start) => {
  it("a leader that falls silent is succeeded when its lease is over, and its fence refuses what it writes then", async () => {
    const datastore = await start();
    const scope = new Scope("test");
    scope.add("datastore", () => datastore.stop());
    const open = () => {
      const store = openEtcd({ endpoints: [datastore.endpoint] });
      scope.add("client", () => store.close());
      return store;
    };
    try {
      const silent = open();
      const lease = await silent.grantLease(2);
      const { modRevision } = await silent.create(LEADER_KEY, `{"holder":"silent"}`, { lease });
      const began = performance.now();
      const election = new KeyElection({
        store: open(),
        identity: "next",
        ttlSeconds: 2,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        scope: scope.child("next"),
        onChange: () => {},
      });
      election.start();
      await eventually(
        () => election.leader,
        (leader) => leader === "silent",
      );
      await eventually(
        () => election.term,
        (term) => term !== undefined,
      );
      // etcd looks for leases that are over twice a second.
      expect(performance.now() - began).toBeLessThan(2_000 + 1_500);
      const late = await silent.commit({
        compares: [{ key: LEADER_KEY, modRevision }],
        operations: [{ put: "/calico/x", value: "too late" }],
      });
      expect(late.committed).toBe(false);
    } finally {
      await scope.close();
    }
  });
});
