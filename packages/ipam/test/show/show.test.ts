import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  blockUsage,
  borrowedAddresses,
  createBlock,
  findHolder,
  poolUsage,
  readBlocks,
  readIpamConfig,
} from "../../src/index.ts";
import { goldenStore } from "../support/golden.ts";
import { assignOne, pool, World } from "../support/world.ts";

describe("what a real Calico stored", async () => {
  const store = await goldenStore();
  const { blocks, unreadable } = await readBlocks(store);

  it("is counted as calicoctl counts it", () => {
    const pools = [
      pool("default", "10.244.0.0/16", 26),
      pool("tiny", "10.99.0.0/26", 26),
      pool("six", "fd00::/48", 122),
    ];
    const shown = poolUsage(pools, blocks).pools.map(({ prefix, total, inUse, free, blocks: of }) => [
      `${prefix} ${total} ${inUse} ${free}`,
      ...of.map((block) => `${block.prefix} ${block.total} ${block.inUse} ${block.free}`),
    ]);
    expect(shown).toEqual([
      ["10.244.0.0/16 65536 5 65531", "10.244.104.0/26 64 1 63", "10.244.166.128/26 64 4 60"],
      ["10.99.0.0/26 64 2 62", "10.99.0.0/26 64 2 62"],
      [`fd00::/48 ${2n ** 80n} 0 ${2n ** 80n}`],
    ]);
    expect(unreadable).toEqual([]);
  });

  it("has one borrowed address", () => {
    const borrowed = [...borrowedAddresses(blocks)].map((holder) => ({
      address: formatAddress(holder.address),
      by: holder.attributes.node,
      owner: holder.blockOwner?.name,
      pod: holder.attributes.pod,
    }));
    expect(borrowed).toEqual([{ address: "10.99.0.1", by: "node2", owner: "node1", pod: "tiny-2" }]);
  });

  it("says who holds an address, and that nobody holds another", () => {
    expect(findHolder(blocks, parseAddress("10.244.166.129"))).toMatchObject({
      handleId: `k8s-pod-network.aaaa${"0".repeat(59)}2`,
      attributes: { pod: "web-2", namespace: "default", node: "node1" },
      sequence: 1795227596823285892n,
    });
    expect(findHolder(blocks, parseAddress("10.244.166.132"))).toBeUndefined();
    expect(findHolder(blocks, parseAddress("10.244.200.200"))).toBeUndefined();
  });

  it("has settings, and a store without has the defaults", async () => {
    expect(await readIpamConfig(store)).toMatchObject({ autoAllocateBlocks: true, strictAffinity: false });
    const { store: empty } = new World({ transactions: true });
    expect(await readIpamConfig(empty)).toMatchObject({ autoAllocateBlocks: true, strictAffinity: false });
  });
});

describe("usage", () => {
  it("counts what cools down apart, and blocks of no pool too", async () => {
    const world = new World({ transactions: true, config: { ipCooldownSeconds: 60 } });
    const node = world.node("node1");
    const { block } = await assignOne(node, "net.a");
    await assignOne(node, "net.b");
    await node.release({ handleId: "net.a" });
    const { blocks } = await readBlocks(world.store);
    const { pools, strays } = poolUsage([], blocks);
    expect(pools).toEqual([]);
    expect(strays).toEqual([{ prefix: block, total: 64n, inUse: 1n, cooling: 1n, free: 62n }]);
    expect([...borrowedAddresses(blocks)]).toEqual([]);
  });

  it("of a new block is nothing", () => {
    const owner = { type: "host", name: "n" } as const;
    const block = createBlock({ prefix: parsePrefix("fd00::/122"), owner, now: 0, sequenceNumber: 1n });
    expect(blockUsage(block)).toMatchObject({ total: 64n, inUse: 0n, free: 64n });
  });

  it("does not stop at a block that nobody can read, and names it", async () => {
    const world = new World({ transactions: true });
    await assignOne(world.node("node1"), "net.a");
    const key = "/calico/ipam/v2/assignment/ipv4/block/10.0.99.0-26";
    await world.store.put(key, "[]");
    const { blocks, unreadable } = await readBlocks(world.store);
    expect(blocks).toHaveLength(1);
    expect(unreadable).toMatchObject([{ code: "IPAM_CORRUPT", key }]);
  });
});
