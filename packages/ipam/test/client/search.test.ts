import { blockKey } from "@ocicat/api/ipam";
import { seededRandom } from "@ocicat/kit";
import { formatAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { createIpam } from "../../src/index.ts";
import { InterceptedStore } from "../support/intercepted-store.ts";
import { assignOne, pool, World } from "../support/world.ts";

/** Claims every block of a pool for nodes of their own, but for those named. */
async function claimAll(world: World, cidrs: readonly string[]): Promise<void> {
  for (const [index, cidr] of cidrs.entries()) await world.node(`other${index}`).claimAffinity(parsePrefix(cidr));
}

const blocks = (count: number) => Array.from({ length: count }, (_, index) => `10.1.0.${index * 4}/30`);

describe("the search for a block", () => {
  it("probes a few, and lists all only when those are taken", async () => {
    const world = new World({ transactions: true, pools: [pool("p", "10.1.0.0/26", 30)] });
    const all = blocks(16);
    await claimAll(world, all.slice(0, 15));
    world.takeCalls();
    const given = await assignOne(world.node("node1"), "net.a");
    expect(given.block.toString()).toBe(all[15]);
    const calls = world.takeCalls();
    expect(calls.filter((name) => name === "get").length).toBeLessThanOrEqual(10);
    expect(calls.filter((name) => name === "list").length).toBeLessThanOrEqual(2);
    expect(calls.at(-1)).toBe("commit");
  });

  it("does not read blocks that somebody who watches them knows to be taken", async () => {
    const world = new World({ transactions: true, pools: [pool("p", "10.1.0.0/26", 30)] });
    const taken = new Set(blocks(15));
    await claimAll(world, [...taken]);
    world.takeCalls();
    const store = new InterceptedStore(world.store, (call, run) => {
      world.calls.push(call);
      return run();
    });
    const ipam = createIpam({
      store,
      clock: world.clock,
      random: seededRandom(1),
      node: "node1",
      settings: () => world.settings,
      isTaken: (block) => taken.has(block.toString()),
    });
    expect((await assignOne(ipam, "net.a")).block.toString()).toBe("10.1.0.60/30");
    expect(world.takeCalls()).toEqual(["list", "get", "commit"]);
  });

  it("is not misled by a wrong hint", async () => {
    const world = new World({ transactions: true, pools: [pool("p", "10.1.0.0/30", 30)] });
    const [store, clock, random] = [world.store, world.clock, seededRandom(1)];
    const settings = () => world.settings;
    const ipam = createIpam({ store, clock, random, node: "node1", settings, isTaken: () => true });
    expect(formatAddress((await assignOne(ipam, "net.a")).address)).toBe("10.1.0.0");
  });

  it("lists the blocks of the pools in question, not those of all", async () => {
    const world = new World({
      transactions: true,
      pools: [pool("p", "10.1.0.0/28", 30), pool("q", "10.1.0.128/28", 30)],
    });
    await claimAll(world, blocks(4));
    await world.store.put(blockKey(parsePrefix("10.200.0.0/26")), "unrelated");
    world.calls.splice(0);
    await world.node("node1").autoAssign({ handleId: "net.a", wants: [{ family: 4, pools: ["p"] }] });
    const listed = world.calls.filter(({ name, keys }) => name === "list" && keys[0]?.includes("assignment") === true);
    expect(listed.map(({ keys }) => keys)).toEqual([["/calico/ipam/v2/assignment/ipv4/block/10.1.0."]]);
  });

  it.each([true, false])(
    "takes an empty block that is nobody's, whatever its age (transactions: %s)",
    async (transactions) => {
      const world = new World({ transactions, pools: [pool("p", "10.1.0.0/30", 30)] });
      const free = [0, 1, 2, 3];
      await world.store.put(
        blockKey(parsePrefix("10.1.0.0/30")),
        JSON.stringify({
          cidr: "10.1.0.0/30",
          affinity: null,
          allocations: free.map(() => null),
          unallocated: free,
          attributes: [],
          sequenceNumber: 7,
        }),
      );
      const given = await assignOne(world.node("node1"), "net.a");
      expect(given.borrowedFrom).toBeUndefined();
      expect(given.sequence).toBeGreaterThan(7n);
      await world.expectSound();
    },
  );

  it.each([true, false])("keeps off a block that cannot be read (transactions: %s)", async (transactions) => {
    const world = new World({ transactions, pools: [pool("p", "10.1.0.0/29", 30)] });
    await world.store.put(blockKey(parsePrefix("10.1.0.0/30")), "{");
    await world.store.put(blockKey(parsePrefix("10.1.0.4/30")), '{"cidr":"10.1.0.4/30"}');
    await expect(assignOne(world.node("node1"), "net.a")).rejects.toMatchObject({ code: "IPAM_EXHAUSTED" });
  });

  it.each([true, false])(
    "finds a block that is the node's without its knowledge (transactions: %s)",
    async (transactions) => {
      const world = new World({ transactions, pools: [pool("p", "10.1.0.0/30", 30)] });
      const node = world.node("node1");
      await world.node("node1").ensureBlock({ family: 4 });
      await world.store.delete("/calico/ipam/v2/host/node1/ipv4/block/10.1.0.0-30");
      const given = await assignOne(node, "net.a");
      expect(given.borrowedFrom).toBeUndefined();
      await world.expectSound();
    },
  );

  it("says why there is no block to be ensured", async () => {
    const config = { strictAffinity: true, maxBlocksPerHost: 1 };
    const world = new World({ transactions: true, pools: [pool("p", "10.1.0.0/31", 32)], config });
    const node = world.node("node1");
    await assignOne(node, "net.a");
    await expect(node.ensureBlock({ family: 4 })).rejects.toMatchObject({ code: "IPAM_BLOCK_LIMIT" });
  });
});
