import { ResourceClient } from "@ocicat/client";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { registerCluster } from "../../src/node/register.ts";

const PREFIX = "/calico/resources/v3/projectcalico.org/";

describe("what every cluster has", () => {
  it("is stored by the first agent, of however many that start at once, and never again", async () => {
    const clock = new TestClock();
    const store = new MemoryDatastore({ clock });
    const agent = (seed: number) => new ResourceClient({ store, clock, random: seededRandom(seed) });
    await Promise.all([1, 2, 3].map((seed) => registerCluster(agent(seed), () => `guid-${seed}`)));
    const before = await store.list("");
    expect(before.items.map(({ key, version }) => [key.slice(PREFIX.length), version])).toEqual([
      ["clusterinformations/default", 1n],
      ["tiers/default", 1n],
      ["tiers/kube-admin", 1n],
      ["tiers/kube-baseline", 1n],
    ]);
    await registerCluster(agent(4), () => "guid-4");
    expect((await store.list("")).revision).toBe(before.revision);
  });
});
