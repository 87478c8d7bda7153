import { blockAffinity, type IPPool, ipamConfiguration, ippool, readDocument, ValidationError } from "@ocicat/api";
import { type Datastore, MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { BatchError, ResourceClient, ResourceError } from "../src/index.ts";

const pool = (name: string, cidr: string, extra: object = {}) =>
  readDocument({ apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata: { name }, spec: { cidr, ...extra } });

function setUp() {
  const clock = new TestClock();
  const store = new MemoryDatastore({ clock });
  return { store, client: new ResourceClient({ store, clock, random: seededRandom(1) }) };
}

describe("ResourceClient", () => {
  it("gives identity at creation and keeps it over changes", async () => {
    const { client } = setUp();
    const created = await client.create(pool("a", "10.1.0.0/16"));
    expect(created.metadata).toMatchObject({
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      creationTimestamp: "2026-01-01T00:00:00Z",
    });
    const { resource, change } = await client.apply(pool("a", "10.1.0.0/16", { natOutgoing: true }));
    expect(change).toBe("updated");
    expect(resource.metadata.uid).toBe(created.metadata.uid);
    expect(Number(resource.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
  });

  it("writes nothing when nothing changes", async () => {
    const { client, store } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    const before = (await store.list("")).revision;
    expect((await client.apply(pool("a", "10.1.0.0/16"))).change).toBe("unchanged");
    expect((await store.list("")).revision).toBe(before);
  });

  it("refuses an overlap with another pool and a change of what is immutable, and leaves both as they were", async () => {
    const { client } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    await expect(client.create(pool("b", "10.1.128.0/20"))).rejects.toThrow(ValidationError);
    await expect(client.apply(pool("a", "10.2.0.0/16"))).rejects.toThrow(/spec.cidr/);
    const list = await client.list(ippool);
    expect(list.items.map((item) => item.spec.cidr)).toEqual(["10.1.0.0/16"]);
  });

  it("refuses a pool of another blockSize over blocks that an earlier one left: their addresses would be given twice", async () => {
    const { client, store } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    await client.delete(ippool, "a");
    await store.put("/calico/ipam/v2/assignment/ipv4/block/10.1.4.0-26", "{}");
    await expect(client.create(pool("b", "10.1.0.0/16", { blockSize: 28 }))).rejects.toThrow(
      /spec.blockSize: 28 is not that of the block 10\.1\.4\.0\/26.*\[block-size-kept\]/,
    );
    await client.create(pool("c", "10.2.0.0/16", { blockSize: 28 }));
    expect((await client.apply(pool("b", "10.1.0.0/16"))).change).toBe("created");
  });

  it("writes over a given resourceVersion only", async () => {
    const { client } = setUp();
    const first = await client.create(pool("a", "10.1.0.0/16"));
    await client.apply(pool("a", "10.1.0.0/16", { disabled: true }));
    await expect(client.replace(first)).rejects.toMatchObject({ code: "RESOURCE_CONFLICT" });
  });

  it("modifies over exactly what was read, and again over the newer where somebody was faster", async () => {
    const { client } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    const seen: unknown[] = [];
    const write = (present: IPPool): IPPool => ({ ...present, spec: { ...present.spec, natOutgoing: true } });
    const { resource } = await client.modify(ippool, "a", undefined, (present) => {
      seen.push(present.spec.disabled);
      // Written, once, between the read and the write that follows.
      if (seen.length === 1) void client.apply(pool("a", "10.1.0.0/16", { disabled: true }));
      return write(present);
    });
    expect(seen).toEqual([false, true]);
    expect(resource.spec).toMatchObject({ disabled: true, natOutgoing: true });
  });

  it("modifies nothing that is gone, nor over another revision than the caller wants", async () => {
    const { client } = setUp();
    await expect(client.modify(ippool, "a", undefined, (present) => present)).rejects.toMatchObject({
      code: "RESOURCE_NOT_FOUND",
    });
    await client.create(pool("a", "10.1.0.0/16"));
    let calls = 0;
    const wanted = client.modify(ippool, "a", undefined, (present) => {
      calls++;
      return {
        ...present,
        metadata: { ...present.metadata, resourceVersion: "999" },
        spec: { ...present.spec, disabled: true },
      };
    });
    await expect(wanted).rejects.toMatchObject({ code: "RESOURCE_CONFLICT" });
    expect(calls).toBe(1);
  });

  it("takes what is there already for written, whatever revision it was written for", async () => {
    const { client } = setUp();
    const first = await client.create(pool("a", "10.1.0.0/16"));
    const second = { ...first, spec: { ...first.spec, disabled: true } };
    expect((await client.apply(second)).change).toBe("updated");
    expect((await client.apply(second)).change).toBe("unchanged");
  });

  it("names what is missing and what is there already", async () => {
    const { client } = setUp();
    await expect(client.get(ippool, "nosuch")).rejects.toThrow(ResourceError);
    await expect(client.replace(pool("nosuch", "10.1.0.0/16"))).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(client.delete(ippool, "nosuch")).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await client.create(pool("a", "10.1.0.0/16"));
    await expect(client.create(pool("a", "10.1.0.0/16"))).rejects.toMatchObject({ code: "RESOURCE_EXISTS" });
  });

  it("shows what it cannot read beside what it can", async () => {
    const { client, store } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    await store.put(ippool.storage.key("broken", undefined) ?? "", "{");
    const list = await client.list(ippool);
    expect(list.items).toHaveLength(1);
    expect(list.unreadable).toEqual([
      { key: expect.stringContaining("broken"), reason: expect.stringContaining("not JSON") },
    ]);
  });

  it("loses no write among many at once", async () => {
    const { client } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    const flips = Array.from({ length: 20 }, (_, index) =>
      client.apply(pool("a", "10.1.0.0/16", { disabled: index % 2 === 0 })),
    );
    const outcomes = await Promise.allSettled(flips);
    expect(outcomes.every((outcome) => outcome.status === "fulfilled")).toBe(true);
  });
});

/** A store in which somebody else writes between our reading and our writing, `times` times. */
function contested(store: MemoryDatastore, times: number, interfere: () => Promise<unknown>): Datastore {
  let left = times;
  const before = async () => {
    if (left-- > 0) await interfere();
  };
  return new Proxy<Datastore>(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        if (name === "commit" || name === "create" || name === "update") await before();
        return Reflect.apply(member, target, args);
      };
    },
  });
}

describe.each([
  ["with transactions", true],
  ["without transactions", false],
])("a batch, %s", (_name, transactions) => {
  function setUpBatch(times = 0, interfere?: (client: ResourceClient) => Promise<unknown>) {
    const clock = new TestClock();
    const store = new MemoryDatastore({ clock, transactions });
    const client = new ResourceClient({ store, clock, random: seededRandom(1) });
    const contestedStore = contested(store, times, async () => interfere?.(client));
    return { store, client, batch: new ResourceClient({ store: contestedStore, clock, random: seededRandom(2) }) };
  }
  const names = async (client: ResourceClient) => (await client.list(ippool)).items.map((item) => item.metadata.name);

  it("says of each resource what happened to it", async () => {
    const { client } = setUpBatch();
    await client.create(pool("a", "10.1.0.0/16"));
    await client.create(pool("b", "10.2.0.0/16"));
    const changes = await client.writeAll("apply", [
      pool("a", "10.1.0.0/16"),
      pool("b", "10.2.0.0/16", { disabled: true }),
      pool("c", "10.3.0.0/16"),
    ]);
    expect(changes).toEqual(["unchanged", "updated", "created"]);
    const skipping = await client.writeAll("create", [pool("c", "10.3.0.0/16"), pool("d", "10.4.0.0/16")], {
      skipExisting: true,
    });
    expect(skipping).toEqual(["skipped", "created"]);
  });

  const refused: readonly (readonly [string, Parameters<ResourceClient["writeAll"]>, number, string])[] = [
    [
      "two pools that overlap each other",
      ["create", [pool("b", "10.2.0.0/16"), pool("c", "10.2.0.0/20")]],
      1,
      "RESOURCE_INVALID",
    ],
    [
      "one that overlaps what is there",
      ["create", [pool("b", "10.2.0.0/16"), pool("c", "10.1.0.0/20")]],
      1,
      "RESOURCE_INVALID",
    ],
    [
      "a change of what is immutable",
      ["apply", [pool("b", "10.2.0.0/16"), pool("a", "10.3.0.0/16")]],
      1,
      "RESOURCE_INVALID",
    ],
    [
      "one that is there, to be created",
      ["create", [pool("b", "10.2.0.0/16"), pool("a", "10.1.0.0/16")]],
      1,
      "RESOURCE_EXISTS",
    ],
    [
      "one that is missing, to be replaced",
      ["replace", [pool("a", "10.1.0.0/16", { disabled: true }), pool("b", "10.2.0.0/16")]],
      1,
      "RESOURCE_NOT_FOUND",
    ],
    ["the same one twice", ["apply", [pool("b", "10.2.0.0/16"), pool("b", "10.2.0.0/16")]], 1, "RESOURCE_TWICE"],
  ];
  it.each(refused)("refuses %s, and writes none of it", async (_what, args, index, code) => {
    const { client, store } = setUpBatch();
    await client.create(pool("a", "10.1.0.0/16"));
    const before = (await store.list("")).revision;
    const error: unknown = await client.writeAll(...args).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(BatchError);
    expect(error).toMatchObject({ index, reason: { code }, done: 0 });
    expect((await store.list("")).revision).toBe(before);
  });

  it("plans anew when somebody else was faster, and then sees what they wrote", async () => {
    const { client, batch } = setUpBatch(1, (other) => other.apply(pool("a", "10.1.0.0/16", { natOutgoing: true })));
    await client.create(pool("a", "10.1.0.0/16"));
    await batch.writeAll("apply", [pool("a", "10.1.0.0/16", { disabled: true }), pool("b", "10.2.0.0/16")]);
    expect(await names(client)).toEqual(["a", "b"]);
    await expect(client.get(ippool, "a")).resolves.toMatchObject({ spec: { disabled: true, natOutgoing: false } });
  });

  it("gives up when somebody else is always faster", async () => {
    let flip = false;
    const { client, batch } = setUpBatch(Number.POSITIVE_INFINITY, (other) => {
      flip = !flip;
      return other.apply(pool("a", "10.1.0.0/16", { natOutgoing: flip }));
    });
    await client.create(pool("a", "10.1.0.0/16"));
    await expect(batch.writeAll("apply", [pool("a", "10.1.0.0/16", { disabled: true })])).rejects.toMatchObject({
      reason: { code: "RESOURCE_CONFLICT" },
    });
  });

  it("deletes all or none", async () => {
    const { client } = setUpBatch();
    await client.writeAll("create", [pool("a", "10.1.0.0/16"), pool("b", "10.2.0.0/16")]);
    const [a, b, missing] = ["a", "b", "nosuch"].map((name) => ({ kind: ippool, name }));
    if (a === undefined || b === undefined || missing === undefined) throw new Error("three were named");
    await expect(client.deleteAll([a, missing])).rejects.toMatchObject({
      index: 1,
      reason: { code: "RESOURCE_NOT_FOUND" },
    });
    await expect(client.deleteAll([a, { ...b, resourceVersion: "1" }])).rejects.toMatchObject({
      reason: { code: "RESOURCE_CONFLICT" },
    });
    await expect(client.deleteAll([a, a])).rejects.toMatchObject({ reason: { code: "RESOURCE_TWICE" } });
    await expect(client.checkDeletions([a, missing])).rejects.toMatchObject({
      index: 1,
      reason: { code: "RESOURCE_NOT_FOUND" },
    });
    expect(await client.checkDeletions([a, missing], { skipMissing: true })).toEqual(["present", "missing"]);
    expect(await names(client)).toEqual(["a", "b"]);
    expect(await client.deleteAll([a, missing, b], { skipMissing: true })).toEqual(["deleted", "skipped", "deleted"]);
    expect(await names(client)).toEqual([]);
  });

  it("writes more than a transaction takes", async () => {
    const { client } = setUpBatch();
    const many = Array.from({ length: 200 }, (_, index) => pool(`pool-${index}`, `10.${index}.0.0/16`));
    await client.writeAll("create", many);
    expect(await names(client)).toHaveLength(200);
  });
});

describe("what does not belong to a name", () => {
  it("is neither found nor deleted under another name for the one that there is", async () => {
    const { client } = setUp();
    await client.create(
      readDocument({
        apiVersion: "projectcalico.org/v3",
        kind: "IPAMConfiguration",
        metadata: { name: "default" },
        spec: {},
      }),
    );
    await expect(client.get(ipamConfiguration, "wibble")).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(client.delete(ipamConfiguration, "wibble")).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(client.get(ipamConfiguration, "default")).resolves.toMatchObject({ kind: "IPAMConfiguration" });
  });

  it("is not deleted where the system keeps it", async () => {
    const { client } = setUp();
    await expect(client.delete(blockAffinity, "node1-10-0-0-0-26")).rejects.toMatchObject({
      code: "RESOURCE_READ_ONLY",
    });
  });

  it("is not written over where it cannot be read", async () => {
    const { client, store } = setUp();
    await store.put(ippool.storage.key("broken", undefined) ?? "", "{");
    await expect(client.apply(pool("broken", "10.1.0.0/16"))).rejects.toMatchObject({ code: "RESOURCE_UNREADABLE" });
    await client.delete(ippool, "broken");
    await expect(client.apply(pool("broken", "10.1.0.0/16"))).resolves.toMatchObject({ change: "created" });
  });
});
