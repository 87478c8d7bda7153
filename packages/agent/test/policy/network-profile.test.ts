import { decodeStored, profile, resourceKey } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { ensureProfile, networkProfile } from "../../src/policy/network-profile.ts";
import { makeTables } from "../../src/tables/tables.ts";

function world() {
  const store = new MemoryDatastore();
  const client = new ResourceClient({ store, clock: new TestClock(), random: seededRandom(1) });
  return { store, client, table: makeTables("node1", silentLogger).policy.profiles };
}

const KEY = resourceKey("Profile", "net");

describe("the profile of a network", () => {
  it("lets everything in with Kubernetes, and pods of the same network without", () => {
    const anything = { action: "Allow", source: {}, destination: {} };
    expect(networkProfile("net", "k8s").spec).toEqual({
      ingress: [anything],
      egress: [anything],
      labelsToApply: { net: "" },
    });
    expect(networkProfile("net", "cni").spec.ingress).toEqual([{ ...anything, source: { selector: "has(net)" } }]);
  });

  it("is made where there is none, and known before the watch tells of it", async () => {
    const { store, client, table } = world();
    await ensureProfile({ store, client, table }, networkProfile("net", "k8s"));
    expect(table.get(KEY)).toMatchObject({ name: "net", labels: { net: "" } });
    const [item] = (await store.list(KEY)).items;
    expect(item && decodeStored(profile, item).spec.labelsToApply).toEqual({ net: "" });
  });

  it("is never changed, whoever made it, and whether or not this process knew", async () => {
    const { store, client, table } = world();
    await client.create({ ...networkProfile("net", "k8s"), spec: { ingress: [], egress: [] } });
    await ensureProfile({ store, client, table }, networkProfile("net", "k8s"));
    expect(table.get(KEY)).toMatchObject({ ingress: [], egress: [] });
  });
});
