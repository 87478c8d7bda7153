import { MemoryDatastore } from "@ocicat/datastore";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commitUnder } from "../src/collect/index.ts";
import { LeaseElection, type LeaseRecord, type LeaseStore } from "../src/election/index.ts";
import { leaseAt } from "../src/election/lease-object.ts";

const TTL = 15;

async function rest(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** An API server, as far as one Lease needs it: it refuses writes over another version, with 409. */
class Api {
  object: { metadata: { resourceVersion: string; annotations?: object }; spec: object } | undefined;
  writes = 0;
  /** Writes are done, and their answers lost. */
  losesAnswers = false;
  #version = 0;

  get(): Promise<object | undefined> {
    return Promise.resolve(structuredClone(this.object));
  }

  create(_resource: object, _namespace: string | undefined, object: object): Promise<object> {
    return this.object === undefined ? this.#store(object) : Promise.reject(conflict());
  }

  replace(_resource: object, _place: object, object: object): Promise<object> {
    const { metadata } = object as { metadata: { resourceVersion?: string } };
    return metadata.resourceVersion === this.object?.metadata.resourceVersion
      ? this.#store(object)
      : Promise.reject(conflict());
  }

  #store(object: object): Promise<object> {
    this.writes += 1;
    this.#version += 1;
    const { metadata, ...rest } = structuredClone(object) as { metadata: object; spec: object };
    this.object = { ...rest, metadata: { ...metadata, resourceVersion: `${this.#version}` } };
    return this.losesAnswers ? Promise.reject(new Error("no answer")) : this.get().then((stored) => stored ?? {});
  }
}

function conflict(): Error {
  return Object.assign(new Error("conflict"), { status: 409 });
}

describe("by a Lease", () => {
  const clock = new TestClock();
  let api: Api;
  let store: MemoryDatastore;
  let scopes: Map<string, Scope>;
  let lease: LeaseStore;
  let thaws: (() => void)[];
  beforeEach(() => {
    thaws = [];
    api = new Api();
    store = new MemoryDatastore({ transactions: false });
    scopes = new Map();
    lease = leaseAt(api, { namespace: "kube-system", name: "ocicat-controllers" });
  });
  afterEach(async () => {
    for (const thaw of thaws) thaw();
    for (const scope of scopes.values()) await scope.close();
  });
  const elect = (identity: string, { of = lease } = {}) => {
    const scope = new Scope(identity);
    scopes.set(identity, scope);
    const options = { lease: of, store, identity, ttlSeconds: TTL, clock, scope, logger: silentLogger };
    const random = seededRandom(scopes.size);
    const election = new LeaseElection({ ...options, random, onChange: () => {} });
    election.start();
    return election;
  };
  const record = async (): Promise<LeaseRecord> => {
    const found = await lease.read();
    if (found === undefined) throw new Error("there is no lease");
    return found;
  };
  /** Time, in steps in which everyone can do what he is due to. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      await rest();
    }
  };
  /** A leader that is frozen: nothing of it reaches the API server any more. */
  const frozen = (of: LeaseStore): { readonly lease: LeaseStore; freeze: () => void } => {
    let isFrozen = false;
    const never = new Promise<never>((_, reject) => thaws.push(() => reject(new Error("thawed at the end"))));
    never.catch(() => {});
    return {
      freeze: () => {
        isFrozen = true;
      },
      lease: {
        read: () => (isFrozen ? never : of.read()),
        create: (each) => (isFrozen ? never : of.create(each)),
        replace: (each) => (isFrozen ? never : of.replace(each)),
      },
    };
  };

  it("one leads, all know who, and another takes over at once when it ends", async () => {
    const [a, b] = [elect("a"), elect("b")];
    await rest();
    expect([a.term !== undefined, b.term]).toEqual([true, undefined]);
    expect([a.leader, b.leader]).toEqual(["a", expect.stringMatching(/^a_/)]);
    await pass(60);
    expect(a.term).toBeDefined();
    await scopes.get("a")?.close();
    expect((await record()).holder).toBe("");
    await pass(5);
    expect(b.term).toBeDefined();
    expect((await record()).transitions).toBe(1);
  });

  it("one that is frozen is succeeded when its time is over, not before", async () => {
    const { lease: of, freeze } = frozen(lease);
    elect("a", { of });
    await rest();
    const b = elect("b");
    await pass(7);
    freeze();
    const before = await record();
    await pass(TTL - 3);
    expect(b.term).toBeUndefined();
    expect((await record()).version).toBe(before.version);
    await pass(9);
    expect(b.term).toBeDefined();
  });

  it("says what it is about to write before it does, many writes in one", async () => {
    const a = elect("a");
    await rest();
    const row = await store.create("/calico/x", "1");
    const before = api.writes;
    const held: string[] = [];
    const seen = Object.assign(Object.create(store) as MemoryDatastore, {
      abilities: store.abilities,
      get: (key: string) => store.get(key),
      async update(key: string, value: string, revision: bigint) {
        held.push(...(await record()).announced.map((each) => `${each.key}@${each.revision}`));
        return await store.update(key, value, revision);
      },
      create: (key: string, value: string) => store.create(key, value),
    });
    const fence = a.term?.fence ?? { compares: [] };
    const outcomes = await Promise.all([
      commitUnder(seen, fence, {
        compares: [{ key: row.key, modRevision: row.modRevision }],
        operations: [{ put: row.key, value: "2" }],
      }),
      ...["/calico/y", "/calico/z"].map((key) =>
        commitUnder(seen, fence, { compares: [{ key, exists: false }], operations: [{ put: key, value: "" }] }),
      ),
    ]);
    expect(outcomes).toEqual([{ kind: "done" }, { kind: "done" }, { kind: "done" }]);
    expect(held).toEqual([`/calico/x@${row.modRevision}`]);
    expect(api.writes - before).toBeLessThanOrEqual(2);
    await pass(6);
    expect((await record()).announced).toEqual([]);
  });

  it("a write that comes late is refused: its successor has touched the row", async () => {
    const { lease: of, freeze } = frozen(lease);
    const a = elect("a", { of });
    await rest();
    const b = elect("b");
    const row = await store.create("/calico/x", "1");
    let letGo: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    // Frozen between the last look at its clock and the write itself.
    const late = Object.assign(Object.create(store) as MemoryDatastore, {
      abilities: store.abilities,
      get: (key: string) => store.get(key),
      async update(key: string, value: string, revision: bigint) {
        freeze();
        await gate;
        return await store.update(key, value, revision);
      },
    });
    const outcome = commitUnder(late, a.term?.fence ?? { compares: [] }, {
      compares: [{ key: row.key, modRevision: row.modRevision }],
      operations: [{ put: row.key, value: "of the one before" }],
    });
    await pass(TTL + 10);
    expect(b.term).toBeDefined();
    letGo();
    expect((await outcome).kind).toBe("refused");
    expect((await store.get("/calico/x"))?.value).toBe("1");
  });

  it("one that wakes up late writes nothing, though nobody took over", async () => {
    const a = elect("a");
    await rest();
    const row = await store.create("/calico/x", "1");
    const asleep = Object.assign(Object.create(store) as MemoryDatastore, {
      abilities: store.abilities,
      get: async (key: string) => {
        const found = await store.get(key);
        clock.advance(TTL * 1000);
        return found;
      },
      update: (key: string, value: string, revision: bigint) => store.update(key, value, revision),
    });
    const outcome = await commitUnder(asleep, a.term?.fence ?? { compares: [] }, {
      compares: [{ key: row.key, modRevision: row.modRevision }],
      operations: [{ put: row.key, value: "2" }],
    });
    expect([outcome.kind, (await store.get("/calico/x"))?.value]).toEqual(["fenced", "1"]);
  });

  it("a term that is over allows nothing, also where the process leads again", async () => {
    const a = elect("a");
    await rest();
    const { term } = a;
    if (term === undefined) throw new Error("it does not lead");
    a.depose(term);
    await pass(6);
    expect(a.term).toBeDefined();
    const outcome = await commitUnder(store, term.fence, {
      compares: [{ key: "/calico/x", exists: false }],
      operations: [{ put: "/calico/x", value: "" }],
    });
    expect([outcome.kind, await store.get("/calico/x")]).toEqual(["fenced", undefined]);
  });

  it("a renewal whose answer is lost is found to be its own", async () => {
    const a = elect("a");
    await rest();
    const { term } = a;
    api.losesAnswers = true;
    await pass(6);
    api.losesAnswers = false;
    await pass(6);
    expect(a.term).toBe(term);
    expect((await record()).transitions).toBe(0);
  });

  it("what others have put on the Lease stays on it", async () => {
    elect("a");
    await rest();
    if (api.object === undefined) throw new Error("there is no lease");
    Object.assign(api.object.metadata, { labels: { app: "x" }, annotations: { note: "mine" }, resourceVersion: "77" });
    await pass(11);
    expect(api.object.metadata).toMatchObject({ labels: { app: "x" }, annotations: { note: "mine" } });
    expect(api.object.spec).toMatchObject({ renewTime: expect.stringMatching(/^\d{4}-.*\.\d{6}Z$/) });
  });
});
