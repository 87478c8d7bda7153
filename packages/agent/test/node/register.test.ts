import { clusterInformation, type Node, node } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { nodeExtrasFrom, registerCluster, registerNode } from "../../src/node/register.ts";

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

describe("what variables say", () => {
  const client = () => {
    const clock = new TestClock();
    return new ResourceClient({ store: new MemoryDatastore({ clock }), clock, random: seededRandom(1) });
  };

  it("CLUSTER_TYPE: each word is there, once, whoever came first", async () => {
    const cluster = client();
    await registerCluster(cluster, () => "guid", ["k8s", "bgp"]);
    await registerCluster(cluster, () => "guid", ["bgp", "kdd"]);
    await registerCluster(cluster, () => "guid");
    expect((await cluster.get(clusterInformation, "default")).spec.clusterType).toBe("k8s,bgp,kdd");
  });

  it("AS and CALICO_K8S_NODE_REF: stand in the node's resource, beside what is there", async () => {
    const cluster = client();
    const extras = nodeExtrasFrom({ AS: "1.10", CALICO_K8S_NODE_REF: "ip-10-0-0-1" });
    const own = { ipv4: undefined, ipv6: undefined, interfaces: [] };
    await registerNode(cluster, "node1", undefined, own, extras);
    const present = await cluster.get<Node>(node, "node1");
    expect(present.spec).toEqual({
      bgp: { asNumber: 65_546 },
      orchRefs: [{ nodeName: "ip-10-0-0-1", orchestrator: "k8s" }],
    });
    await registerNode(cluster, "node1", present, own, extras);
    expect((await cluster.get<Node>(node, "node1")).metadata.resourceVersion).toBe(present.metadata.resourceVersion);
  });

  it("AS: anything else is refused by the variable's name", () => {
    expect(() => nodeExtrasFrom({ AS: "many" })).toThrow("environment variable AS");
  });
});
