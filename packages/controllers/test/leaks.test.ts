import { DEFAULT_IPAM_CONFIG } from "@ocicat/api/ipam";
import { createIpam, LOAD_BALANCER } from "@ocicat/ipam";
import { afterEach, describe, expect, it } from "vitest";
import { Cluster, GRACE_MS } from "./support/cluster.ts";
import { pool } from "./support/fake-agent.ts";

let cluster: Cluster;
afterEach(async () => {
  expect(cluster.collector.missed).toBe(0);
  await cluster.close();
});

describe.each([{ transactions: true }, { transactions: false }])("leaks on a store with %o", ({ transactions }) => {
  it("gives back the address of an agent killed between address and endpoint, after the grace period and not before", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    await agent.addHalf("web", "c1");
    await cluster.pass(GRACE_MS - 60_000);
    expect(await cluster.keys()).toContain("v2/handle/net.c1");
    await cluster.pass(120_000);
    expect(await cluster.keys()).not.toContain("v2/handle/net.c1");
    expect(cluster.collected()).toEqual(["handle net.c1: container-gone"]);
    expect(await cluster.problems()).toEqual([]);
  });

  it("leaves alone what lives: pods, tunnels, other's holders, bare containers, and a node's last block", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    await agent.add("web", "c1");
    await agent.tunnelAddress();
    const wants = [{ family: 4 as const }];
    await agent.ipam.autoAssign({ handleId: "lb-1234", attributes: { service: "default/web" }, wants });
    await agent.ipam.autoAssign({ handleId: "net.c2", attributes: { "ocicat.io/endpoint": "none" }, wants });
    await agent.ipam.autoAssign({ handleId: "windows-reserved-ipam-handle", wants });
    await agent.ipam.autoAssign({ handleId: "no-container", attributes: { pod: "p", namespace: "n" }, wants });
    const before = await cluster.keys("/");
    await cluster.pass(10 * GRACE_MS);
    expect(await cluster.keys("/")).toEqual(before);
    expect(cluster.collector.backlog.size).toBe(0);
  });

  it("takes away all that a node leaves: endpoints, addresses, tunnels, blocks, its marker", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    const other = await cluster.registered("node2");
    for (let index = 0; index < 70; index++) await agent.add(`pod${index}`, `c${index}`);
    await agent.tunnelAddress();
    await other.add("stays", "s1");
    await agent.vanish();
    await cluster.pass(2 * GRACE_MS);
    expect((await cluster.keys("/")).filter((key) => key.includes("node1"))).toEqual([]);
    expect((await cluster.keys()).filter((key) => key.includes("handle"))).toEqual(["v2/handle/net.s1"]);
    expect((await cluster.keys()).filter((key) => key.includes("assignment"))).toHaveLength(1);
    expect(await cluster.problems()).toEqual([]);
  });

  it("takes a dead node's unused block, and leaves one that others borrowed from to them", async () => {
    cluster = new Cluster({ transactions, pools: [pool("tiny", "10.9.0.0/26")] });
    const owner = await cluster.registered("node1");
    const borrower = await cluster.registered("node2");
    await owner.add("mine", "o1");
    await borrower.add("lent", "b1");
    await owner.vanish();
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.keys()).toEqual(["v2/assignment/ipv4/block/10.9.0.0-26", "v2/handle/net.b1", "v2/host/node2"]);
    expect(await cluster.problems()).toEqual([]);
    // And once the last borrower is gone, nothing is left.
    await borrower.vanish();
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.keys()).toEqual([]);
  });

  it("gives back what a dead node borrowed", async () => {
    cluster = new Cluster({ transactions, pools: [pool("tiny", "10.9.0.0/26")] });
    const owner = await cluster.registered("node1");
    const borrower = await cluster.registered("node2");
    await owner.add("mine", "o1");
    await borrower.add("lent", "b1");
    await borrower.vanish();
    await cluster.pass(2 * GRACE_MS);
    expect((await cluster.keys()).filter((key) => key.includes("handle"))).toEqual(["v2/handle/net.o1"]);
    expect(await cluster.problems()).toEqual([]);
  });

  it("deletes a handle that points nowhere, and mends one that miscounts or is lost", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    await agent.add("one", "c1");
    await agent.add("two", "c2");
    const { store } = cluster;
    const block = (await cluster.keys())[0]?.split("/").at(-1)?.replace("-", "/") ?? "";
    await store.put("/calico/ipam/v2/handle/net.never", `{"block":{"10.77.0.0/26":1},"deleted":false}`);
    await store.put("/calico/ipam/v2/handle/net.empty", `{"block":{},"deleted":false}`);
    await store.put("/calico/ipam/v2/handle/net.c1", `{"block":{"${block}":3},"deleted":false,"future":1}`);
    await store.delete("/calico/ipam/v2/handle/net.c2");
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.problems()).toEqual([]);
    expect((await store.get("/calico/ipam/v2/handle/net.c1"))?.value).toBe(
      `{"block":{"${block}":1},"deleted":false,"future":1}`,
    );
    expect(cluster.collected()).toHaveLength(4);
  });

  it("ends claims and releases of blocks that nobody ends: pending, pending deletion, stale, unnamed", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    await cluster.registered("node2");
    await agent.add("one", "c1");
    const { store } = cluster;
    const own = (await cluster.keys("/calico/ipam/v2/host/node1/"))[0] ?? "";
    // Claims that died before their block, by a node that lives and by one that never was.
    await store.put("/calico/ipam/v2/host/node2/ipv4/block/10.0.200.0-26", `{"state":"pending","deleted":false}`);
    await store.put("/calico/ipam/v2/host/ghost/ipv4/block/10.0.201.0-26", `{"state":"pending","deleted":false}`);
    // Another's block.
    await store.put(`/calico/ipam/v2/host/node2/${own}`, `{"state":"confirmed","deleted":false}`);
    // A release that died before its block was given up.
    await store.put(`/calico/ipam/v2/host/node1/${own}`, `{"state":"pendingDeletion","deleted":false}`);
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.problems()).toEqual([]);
    expect((await store.get(`/calico/ipam/v2/host/node1/${own}`))?.value).toContain('"confirmed"');
    await store.delete(`/calico/ipam/v2/host/node1/${own}`);
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.problems()).toEqual([]);
  });

  it("takes a block that is nobody's and empty, and a node's idle ones but for the last", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    for (let index = 0; index < 130; index++) await agent.add(`pod${index}`, `c${index}`);
    for (let index = 0; index < 130; index++) await agent.del(`pod${index}`, `c${index}`);
    expect((await cluster.keys()).filter((key) => key.includes("assignment"))).toHaveLength(3);
    await cluster.pass(3 * GRACE_MS);
    expect((await cluster.keys()).filter((key) => key.includes("assignment"))).toHaveLength(1);
    expect(await cluster.problems()).toEqual([]);
    // The agent goes on with what it has.
    expect(await agent.add("again", "c999")).toMatch(/^10\.0\./);
    expect(await cluster.problems()).toEqual([]);
  });

  it("takes services' blocks that no service has an address of, the last one too", async () => {
    const services = { ...pool("services", "10.8.0.0/24"), allowedUses: ["LoadBalancer"] as const };
    cluster = new Cluster({ transactions, pools: [services] });
    const { store, clock, random } = cluster;
    const settings = () => ({ pools: [services], reservations: [], config: DEFAULT_IPAM_CONFIG });
    const ipam = createIpam({ store, clock, random, owner: LOAD_BALANCER, settings });
    const attributes = { service: "web", namespace: "shop", type: "LoadBalancer" };
    await ipam.autoAssign({ handleId: "lb-1", attributes, wants: [{ family: 4 }] });
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.keys()).toHaveLength(3);
    await ipam.release({ handleId: "lb-1" });
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.keys()).toEqual([]);
    expect(await ipam.autoAssign({ handleId: "lb-2", attributes, wants: [{ family: 4 }] })).toHaveLength(1);
    expect(await cluster.problems()).toEqual([]);
  });

  it("waits anew when the holder was touched, and never while it cannot read an endpoint", async () => {
    cluster = new Cluster({ transactions });
    const agent = await cluster.registered("node1");
    await agent.addHalf("web", "c1");
    await cluster.pass(GRACE_MS - 60_000);
    // The runtime asks once more, and this time the endpoint is written.
    const address = await agent.add("web", "c1");
    await cluster.pass(3 * GRACE_MS);
    expect(await agent.add("web", "c1")).toBe(address);
    expect(cluster.collected()).toEqual([]);

    await agent.addHalf("lost", "c2");
    const bad = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-k8s-bad-eth0";
    await cluster.store.put(bad, "{");
    await cluster.pass(3 * GRACE_MS);
    expect(cluster.collected()).toEqual([]);
    await cluster.store.delete(bad);
    await cluster.pass(3 * GRACE_MS);
    expect(cluster.collected()).toEqual(["handle net.c2: container-gone"]);
  });
});

describe("where endpoints follow pods", () => {
  const endpoint = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-k8s-web-eth0";

  it("an ended pod, which says its container and has no address, holds nothing; its endpoint is left to Kubernetes", async () => {
    cluster = new Cluster({ transactions: false, endpointsFollowPods: true });
    const agent = await cluster.registered("node1");
    await agent.add("web", "c1");
    await cluster.pass(2 * GRACE_MS);
    expect(cluster.collected()).toEqual([]);
    const row = await cluster.store.get(endpoint);
    const document = JSON.parse(row?.value ?? "") as { spec: object };
    await cluster.store.put(endpoint, JSON.stringify({ ...document, spec: { ...document.spec, ipNetworks: [] } }));
    await cluster.pass(2 * GRACE_MS);
    expect(cluster.collected()).toEqual(["handle net.c1: container-gone"]);
    expect(await cluster.store.get(endpoint)).toBeDefined();
  });

  it("a node's pods are left to Kubernetes when it goes, and what they held is given back", async () => {
    cluster = new Cluster({ transactions: false, endpointsFollowPods: true });
    const agent = await cluster.registered("node1");
    await agent.add("web", "c1");
    await agent.vanish();
    await cluster.pass(2 * GRACE_MS);
    expect(await cluster.store.get(endpoint)).toBeDefined();
    expect((await cluster.keys()).filter((key) => !key.startsWith("v2/host/"))).toEqual([]);
    expect(cluster.collector.backlog.size).toBe(0);
  });
});
