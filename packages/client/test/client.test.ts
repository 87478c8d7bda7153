import { ippool, readDocument, ValidationError } from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { ResourceClient, ResourceError } from "../src/index.ts";

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
    expect(created.metadata).toMatchObject({ uid: expect.stringMatching(/^[0-9a-f-]{36}$/), creationTimestamp: "2026-01-01T00:00:00Z" });
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

  it("writes over a given resourceVersion only", async () => {
    const { client } = setUp();
    const first = await client.create(pool("a", "10.1.0.0/16"));
    await client.apply(pool("a", "10.1.0.0/16", { disabled: true }));
    await expect(client.replace(first)).rejects.toMatchObject({ code: "RESOURCE_CONFLICT" });
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
    expect(list.unreadable).toEqual([{ key: expect.stringContaining("broken"), reason: expect.stringContaining("not JSON") }]);
  });

  it("loses no write among many at once", async () => {
    const { client } = setUp();
    await client.create(pool("a", "10.1.0.0/16"));
    const flips = Array.from({ length: 20 }, (_, index) => client.apply(pool("a", "10.1.0.0/16", { disabled: index % 2 === 0 })));
    const outcomes = await Promise.allSettled(flips);
    expect(outcomes.every((outcome) => outcome.status === "fulfilled")).toBe(true);
  });
});
