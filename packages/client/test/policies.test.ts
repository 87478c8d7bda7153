import {
  type AnyResource,
  globalNetworkPolicy,
  type Kind,
  networkPolicy,
  profile,
  RESOURCES_PREFIX,
  readDocument,
  stagedGlobalNetworkPolicy,
  tier,
} from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { type BatchError, ResourceClient } from "../src/index.ts";

const POLICIES = `${RESOURCES_PREFIX}globalnetworkpolicies/`;
const ALLOW = "projectcalico-default-allow";

const document = (kind: string, name: string, spec: object = {}): AnyResource =>
  readDocument({ apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec }, { namespace: "default" });
const policy = (name: string, spec: object = {}) => document("GlobalNetworkPolicy", name, spec);

function setUp(transactions = true) {
  const clock = new TestClock();
  const store = new MemoryDatastore({ clock, transactions });
  const client = new ResourceClient({ store, clock, random: seededRandom(1) });
  const keys = async () => (await store.list("")).items.map(({ key }) => key.slice(RESOURCES_PREFIX.length));
  return { store, client, keys };
}

/** As Calico stored a policy of the default tier until v3.32. */
async function storeOld(store: MemoryDatastore, name: string, spec: object = { order: 1 }): Promise<void> {
  const metadata = { name: `default.${name}`, uid: "old", creationTimestamp: "2020-01-01T00:00:00Z" };
  const value = { kind: "GlobalNetworkPolicy", apiVersion: "projectcalico.org/v3", metadata, spec };
  await store.put(`${POLICIES}default.${name}`, JSON.stringify(value));
}

describe("what is built in", () => {
  it("is there in an empty datastore, tiers in their order, and nothing is stored by looking", async () => {
    const { client, keys } = setUp();
    const names = async (kind: Kind) => (await client.list(kind)).items.map(({ metadata }) => metadata.name);
    expect(await names(tier)).toEqual(["kube-admin", "default", "kube-baseline"]);
    expect(await names(profile)).toEqual([ALLOW]);
    expect((await client.get(tier, "kube-admin")).spec).toEqual({ order: 1000, defaultAction: "Pass" });
    expect((await client.get(profile, ALLOW)).metadata).toEqual({ name: ALLOW });
    expect(await keys()).toEqual([]);
  });

  it("gives way to what is stored under its name", async () => {
    const { client } = setUp();
    const { resource } = await client.modify(tier, "default", undefined, (present) => ({
      ...present,
      metadata: { ...present.metadata, labels: { a: "b" } },
    }));
    expect(resource.metadata).toMatchObject({ labels: { a: "b" }, uid: expect.any(String) });
    const { items } = await client.list(tier);
    expect(items.filter(({ metadata }) => metadata.name === "default")).toEqual([resource]);
    expect((await client.apply(document("Tier", "default"))).change).toBe("updated");
  });

  it("is not deleted, stored or not, nor is the profile written", async () => {
    const { client } = setUp();
    const kept = { code: "RESOURCE_KEPT" };
    await expect(client.delete(tier, "default")).rejects.toMatchObject(kept);
    await client.create(document("Tier", "default"));
    await expect(client.delete(tier, "default")).rejects.toMatchObject(kept);
    await expect(client.delete(profile, ALLOW)).rejects.toMatchObject(kept);
    await expect(client.modify(profile, ALLOW, undefined, (present) => present)).rejects.toThrow(
      /it is built in|is built in/,
    );
  });
});

describe("a policy's tier", () => {
  it("has to be there, or come before it in the batch", async () => {
    const { client, keys } = setUp();
    await expect(client.create(policy("p", { tier: "a" }))).rejects.toThrow(
      'spec.tier: "a" is not a tier that there is; create it first, or use one of default, kube-admin, kube-baseline',
    );
    await expect(client.writeAll("apply", [policy("p", { tier: "a" }), document("Tier", "a")])).rejects.toMatchObject({
      index: 0,
    });
    expect(await keys()).toEqual([]);
    await client.create(document("Tier", "default"));
    await expect(client.create(policy("p", { tier: "a" }))).rejects.toThrow(
      "use one of default, kube-admin, kube-baseline",
    );
    await client.writeAll("apply", [document("Tier", "a"), policy("p", { tier: "a" }), policy("q")]);
    expect(await keys()).toEqual(["globalnetworkpolicies/p", "globalnetworkpolicies/q", "tiers/a", "tiers/default"]);
  });

  it.each([true, false])("is kept while one is in it (transactions: %s)", async (transactions) => {
    const { client, keys } = setUp(transactions);
    const inside = [
      document("NetworkPolicy", "p", { tier: "a" }),
      policy("p", { tier: "a" }),
      document("StagedGlobalNetworkPolicy", "p", { tier: "a" }),
    ];
    await client.writeAll("create", [document("Tier", "a"), document("Tier", "b"), ...inside]);
    const before = await keys();
    await expect(client.delete(tier, "a")).rejects.toThrow(
      "Tier a: cannot be deleted (NetworkPolicy default/p is in it, and 2 more); delete what is in it first",
    );
    const policies = [
      { kind: networkPolicy, name: "p", namespace: "default" },
      { kind: globalNetworkPolicy, name: "p" },
      { kind: stagedGlobalNetworkPolicy, name: "p" },
    ];
    const refused: BatchError = await client
      .deleteAll([{ kind: tier, name: "b" }, { kind: tier, name: "a" }, ...policies])
      .then(
        () => expect.fail("it was deleted"),
        (error: BatchError) => error,
      );
    expect(refused).toMatchObject({ index: 1, reason: { code: "RESOURCE_KEPT" } });
    expect(await keys()).toEqual(before);
    await client.deleteAll([...policies, { kind: tier, name: "a" }]);
    expect(await keys()).toEqual(["tiers/b"]);
  });
});

describe("a policy that is stored under its old name", () => {
  it("is found by either name, and told by the new one", async () => {
    const { store, client } = setUp();
    await storeOld(store, "a");
    await client.create(policy("b"));
    for (const name of ["a", "b"]) {
      for (const asked of [name, `default.${name}`]) {
        expect((await client.get(globalNetworkPolicy, asked)).metadata.name).toBe(name);
      }
    }
    expect((await client.list(globalNetworkPolicy)).items.map(({ metadata }) => metadata.name)).toEqual(["b", "a"]);
    expect(await client.find(globalNetworkPolicy, "default.c")).toBeUndefined();
  });

  it("is changed where it stands, and not doubled", async () => {
    const { store, client, keys } = setUp();
    await storeOld(store, "a");
    const { resource } = await client.apply(policy("a", { order: 2 }));
    expect(resource).toMatchObject({ metadata: { name: "a", uid: "old" }, spec: { order: 2 } });
    expect(await keys()).toEqual(["globalnetworkpolicies/default.a"]);
    const item = await store.get(`${POLICIES}default.a`);
    expect(JSON.parse(item?.value ?? "")).toMatchObject({ metadata: { name: "default.a" }, spec: { order: 2 } });
    expect((await client.apply(policy("a", { order: 2 }))).change).toBe("unchanged");
    await expect(client.create(policy("a"))).rejects.toMatchObject({ code: "RESOURCE_EXISTS" });
  });

  it("takes the longer name if somebody writes it so", async () => {
    const { store, client, keys } = setUp();
    await storeOld(store, "a");
    expect((await client.apply(policy("default.a"))).resource.metadata).toMatchObject({
      name: "default.a",
      uid: "old",
    });
    expect(await keys()).toEqual(["globalnetworkpolicies/default.a"]);
    // Now a is another one.
    await client.create(policy("a"));
    expect(await keys()).toEqual(["globalnetworkpolicies/a", "globalnetworkpolicies/default.a"]);
    await client.delete(globalNetworkPolicy, "a");
    expect(await keys()).toEqual(["globalnetworkpolicies/default.a"]);
    await expect(client.delete(globalNetworkPolicy, "a")).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
  });

  it.each(["a", "default.a"])("is deleted as %s", async (name) => {
    const { store, client, keys } = setUp();
    await storeOld(store, "a");
    await expect(
      client.deleteAll([
        { kind: globalNetworkPolicy, name: "a" },
        { kind: globalNetworkPolicy, name: "default.a" },
      ]),
    ).rejects.toMatchObject({ index: 1, reason: { code: "RESOURCE_TWICE" } });
    await client.delete(globalNetworkPolicy, name);
    expect(await keys()).toEqual([]);
  });

  it("keeps no tier but its own", async () => {
    const { store, client } = setUp();
    await storeOld(store, "a", {});
    await client.create(document("Tier", "t"));
    await client.delete(tier, "t");
    expect((await client.get(globalNetworkPolicy, "a")).spec.tier).toBe("default");
  });
});
