import { affinityKey, blockKey, handleKey, hostOwner } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { auditIpam } from "../../src/index.ts";
import { goldenStore } from "../support/golden.ts";
import { assignOne, pool, World } from "../support/world.ts";

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

describe.each(MODES)("recovery $mode", ({ transactions }) => {
  it("changes nothing where nothing is wrong, and writes nothing", async () => {
    const world = new World({ transactions });
    await world.node("node1").autoAssign({ handleId: "net.a", wants: [{ family: 4 }, { family: 6 }] });
    await assignOne(world.node("node2"), "net.b");
    world.calls.splice(0);
    const report = await world.node("node1").recover({ isLive: () => true, scanHandles: true });
    expect(report).toEqual({ mended: [], released: [], unreadable: [] });
    expect(world.calls.filter(({ isWrite }) => isWrite)).toEqual([]);
  });

  it("gives a live holder its lost handle back, with counts for every block", async () => {
    const world = new World({ transactions, pools: [pool("small", "10.1.0.0/28", 30)] });
    await world.node("node1").autoAssign({ handleId: "net.a", wants: [{ family: 4, count: 6 }] });
    const before = await world.handle("net.a");
    await world.store.delete(handleKey("net.a"));
    const report = await world.node("node1").recover({ isLive: (handle) => handle === "net.a" });
    expect(report).toMatchObject({ mended: ["net.a"], released: [] });
    expect(await world.handle("net.a")).toBe(before);
    await world.expectSound();
  });

  it("gives a lost handle back also if nobody knows who lives", async () => {
    const world = new World({ transactions });
    await assignOne(world.node("node1"), "net.a");
    await world.store.delete(handleKey("net.a"));
    expect((await world.node("node1").recover()).released).toEqual([]);
    await world.expectSound();
  });

  it("frees what a dead holder without handle had on this node, and nothing on another", async () => {
    const world = new World({ transactions });
    const mine = await assignOne(world.node("node1"), "net.a");
    const other = await assignOne(world.node("node2"), "net.b");
    await world.store.delete(handleKey("net.a"));
    await world.store.delete(handleKey("net.b"));
    const report = await world.node("node1").recover({ isLive: () => false });
    expect(report.released).toEqual([mine.address]);
    expect((await world.block(other.block.toString()))?.unallocated).toHaveLength(63);
    expect((await auditIpam(world.store)).map(({ rule }) => rule)).toEqual(["handle-missing"]);
  });

  it("leaves a dead holder whose handle is in order to DEL and to garbage collection, unless told and old enough", async () => {
    const world = new World({ transactions });
    const { address } = await assignOne(world.node("node1"), "net.a");
    const isLive = () => false;
    expect((await world.node("node1").recover({ isLive })).released).toEqual([]);
    expect((await world.node("node1").recover({ isLive, reclaimDeadAfterMs: 60_000 })).released).toEqual([]);
    world.clock.advance(60_000);
    expect((await world.node("node1").recover({ isLive, reclaimDeadAfterMs: 60_000 })).released).toEqual([address]);
    expect(await world.handle("net.a")).toBeUndefined();
    await world.expectSound();
  });

  it.each([
    ['{"block":{"BLOCK":5},"deleted":false}', "too much"],
    ['{"block":{},"deleted":false}', "too little"],
    ['{"block":{"BLOCK":1,"10.0.200.0/26":2},"deleted":false}', "of a block that is gone"],
  ])("makes a handle that counts %s right again", async (text) => {
    const world = new World({ transactions });
    const { block } = await assignOne(world.node("node1"), "net.a");
    await world.store.put(handleKey("net.a"), text.replace("BLOCK", block.toString()));
    await world.node("node1").recover();
    await world.expectSound();
  });

  it("takes away handles that hold nothing, where it looks at all", async () => {
    const world = new World({ transactions });
    const { block } = await assignOne(world.node("node1"), "net.a");
    await world.store.put(handleKey("net.ghost"), `{"block":{"${block}":1},"deleted":false}`);
    await world.store.put(handleKey("net.gone"), '{"block":{"10.0.200.0/26":1},"deleted":false}');
    const report = await world.node("node1").recover({ scanHandles: true });
    expect(new Set(report.mended)).toEqual(new Set(["net.ghost", "net.gone"]));
    await world.expectSound();
  });

  it("names a block's owner again where the affinity is lost", async () => {
    const world = new World({ transactions });
    const { block } = await assignOne(world.node("node1"), "net.a");
    await world.store.delete(affinityKey(hostOwner("node1"), block));
    await world.node("node1").recover();
    await world.expectSound();
  });

  it("forgets an affinity to what is another's block, or nobody's", async () => {
    const world = new World({ transactions });
    const { block } = await assignOne(world.node("node2"), "net.a");
    await world.store.put(affinityKey(hostOwner("node1"), block), '{"state":"confirmed","deleted":false}');
    await world.node("node1").recover();
    await world.expectSound();
    expect((await world.block(block.toString()))?.affinity).toBe("host:node2");
  });

  it("leaves alone what it cannot read, says so, and mends the rest", async () => {
    const world = new World({ transactions });
    await assignOne(world.node("node1"), "net.a");
    const broken = blockKey(parsePrefix("10.0.99.0/26"));
    await world.store.put(broken, '{"affinity":"host:node1"}');
    await world.store.delete(handleKey("net.a"));
    const report = await world.node("node1").recover();
    expect(report).toMatchObject({ mended: ["net.a"], unreadable: [{ key: broken, field: "cidr" }] });
    expect((await world.store.get(broken))?.value).toBe('{"affinity":"host:node1"}');
  });

  it("does not take a request of another node that is under way for a leftover", async () => {
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/30", 30)] });
    await assignOne(world.node("node1"), "net.a");
    let go: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      go = resolve;
    });
    let reached: () => void = () => {};
    const atBlock = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const borrower = world.node("node2", async (call, run) => {
      if (call.isWrite && call.keys.some((key) => key.includes("/block/"))) {
        reached();
        await gone;
      }
      return run();
    });
    const borrowed = assignOne(borrower, "net.b");
    await atBlock;
    await world.node("node1").recover({ scanHandles: true, isLive: (handle) => handle === "net.a" });
    go();
    expect((await borrowed).borrowedFrom).toBe("host:node1");
    await world.expectSound();
  });
});

describe("what a real Calico stored", () => {
  it("is found in order by each of its nodes", async () => {
    const world = new World({ transactions: true });
    for (const { key, value } of (await (await goldenStore()).list("/")).items) await world.store.put(key, value);
    for (const name of ["node1", "node2", "node3"]) {
      expect(await world.node(name).recover({ isLive: () => true, scanHandles: true })).toMatchObject({ mended: [] });
    }
    await world.expectSound();
  });

  it("is carried on: the next addresses, the release of old ones, its blocks kept", async () => {
    const world = new World({ transactions: true });
    for (const { key, value } of (await (await goldenStore()).list("/")).items) await world.store.put(key, value);
    world.settings = {
      ...world.settings,
      pools: [pool("default", "10.244.0.0/16", 26), pool("tiny", "10.99.0.0/26", 26)],
    };
    const node = world.node("node1");
    const given = await assignOne(node, "net.new");
    expect(given).toMatchObject({ block: parsePrefix("10.244.166.128/26"), sequence: 1795227596823285897n });
    expect(world.takeCalls()).toEqual(["list", "get", "get", "commit"]);
    const old = `k8s-pod-network.aaaa${"0".repeat(59)}1`;
    expect((await node.release({ handleId: old })).released).toHaveLength(2);
    await world.expectSound();
  });
});
