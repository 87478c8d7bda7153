import { blockKey } from "@ocicat/api/ipam";
import { seededRandom } from "@ocicat/kit";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { createIpam, type Ipam, LOAD_BALANCER } from "../../src/index.ts";
import { assignOne, pool, texts, World } from "../support/world.ts";

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

const POOLS = [pool("pods", "10.0.0.0/28", 30), pool("services", "10.9.0.0/28", 30, { allowedUses: ["LoadBalancer"] })];

const SERVICE = { service: "web", namespace: "shop", type: "LoadBalancer" };

function loadBalancer(world: World): Ipam {
  const { store, clock, settings } = world;
  return createIpam({ store, clock, random: seededRandom(1), owner: LOAD_BALANCER, settings: () => settings });
}

describe.each(MODES)("the load balancer's addresses $mode", ({ transactions }) => {
  it("come from blocks of its own, stored under Calico's keys, and name no node", async () => {
    const world = new World({ transactions, pools: POOLS });
    const [given] = await loadBalancer(world).autoAssign({
      handleId: "lb-4f2a",
      attributes: SERVICE,
      wants: [{ family: 4 }],
    });
    expect(given).toMatchObject({ pool: "services", borrowedFrom: undefined });
    const cidr = given?.block.toString() ?? "";
    expect(await world.keys("/calico/ipam/v2/virtual/")).toEqual([
      `/calico/ipam/v2/virtual/load-balancer/ipv4/block/${cidr.replace("/", "-")}`,
    ]);
    const block = await world.block(cidr);
    expect(block?.affinity).toBe("virtual:load-balancer");
    expect(block?.attributes?.[0]?.secondary).toEqual({ ...SERVICE, timestamp: "2026-01-01 00:00:00 +0000 UTC" });
    await world.expectSound();
  });

  it("are out of the reach of pods, and pods' of its", async () => {
    const world = new World({ transactions, pools: POOLS });
    const lb = loadBalancer(world);
    await expect(lb.autoAssign({ handleId: "lb-1", wants: [{ family: 4, pools: ["pods"] }] })).rejects.toMatchObject({
      code: "IPAM_NO_POOL",
      message: /pods allows only Workload, Tunnel/,
    });
    const address = parseAddress("10.9.0.5");
    await expect(world.node("node1").assignIp({ handleId: "net.a", address, use: "Workload" })).rejects.toMatchObject({
      code: "IPAM_NO_POOL",
      message: /services may not give 10\.9\.0\.5 to a Workload/,
    });
    expect(await lb.assignIp({ handleId: "lb-1", address, use: "LoadBalancer" })).toMatchObject({ address });
    await world.expectSound();
  });

  it("know no limit of blocks, which is one of nodes", async () => {
    const config = { strictAffinity: true, maxBlocksPerHost: 1 };
    const world = new World({ transactions, pools: POOLS, config });
    const given = await loadBalancer(world).autoAssign({ handleId: "lb-1", wants: [{ family: 4, count: 16 }] });
    expect(new Set(texts(given)).size).toBe(16);
    await world.expectSound();
  });

  it("are mended by the load balancer's recovery, and by no node's", async () => {
    const world = new World({ transactions, pools: POOLS });
    const [given] = await loadBalancer(world).autoAssign({ handleId: "lb-1", wants: [{ family: 4 }] });
    await world.store.delete("/calico/ipam/v2/handle/lb-1");
    const isLive = () => false;
    expect((await world.node("node1").recover({ isLive })).released).toEqual([]);
    expect((await loadBalancer(world).recover({ isLive })).released).toEqual([given?.address]);
    await world.expectSound();
  });

  it("are left alone by a node that looks for a block to take over", async () => {
    const pools = [pool("both", "10.9.0.0/30", 30, { allowedUses: ["Workload", "LoadBalancer"] })];
    const world = new World({ transactions, pools });
    const lb = loadBalancer(world);
    await lb.autoAssign({ handleId: "lb-1", wants: [{ family: 4 }] });
    expect((await assignOne(world.node("node1"), "net.a")).borrowedFrom).toBe("virtual:load-balancer");
    await world.node("node1").release({ handleId: "net.a" });
    await lb.release({ handleId: "lb-1" });
    world.clock.advance(61_000);
    // Empty and old: taken over as any other's, with its affinity.
    expect((await assignOne(world.node("node1"), "net.b")).borrowedFrom).toBeUndefined();
    expect(await world.keys("/calico/ipam/v2/virtual/")).toEqual([]);
    expect(await world.keys(blockKey((await assignOne(world.node("node1"), "net.b")).block))).toHaveLength(1);
    await world.expectSound();
  });
});
