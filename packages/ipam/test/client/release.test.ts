import { handleKey } from "@ocicat/api/ipam";
import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { Ipam } from "../../src/index.ts";
import { assignOne, pool, texts, World } from "../support/world.ts";

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

describe.each(MODES)("release $mode", ({ transactions }) => {
  it("gives back all that a handle holds, in every block and family, and the handle with it", async () => {
    const world = new World({ transactions, pools: [pool("small", "10.1.0.0/28", 30), pool("six", "fd00::/64", 122)] });
    const node = world.node("node1");
    const wants = [{ family: 4, count: 6 }, { family: 6 }] as const;
    const given = await node.autoAssign({ handleId: "net.a", wants });
    const { released, absent } = await node.release({ handleId: "net.a" });
    expect(new Set(released)).toEqual(new Set(given.map(({ address }) => address)));
    expect(absent).toEqual([]);
    expect(await world.handle("net.a")).toBeUndefined();
    expect(await node.release({ handleId: "net.a" })).toEqual({ released: [], absent: [] });
    await world.expectSound();
  });

  it("keeps a node's empty block, and what it gave back goes to the tail", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const { block, address } = await assignOne(node, "net.a");
    await node.release({ handleId: "net.a" });
    expect((await world.block(block.toString()))?.unallocated.at(-1)).toBe(0);
    expect((await assignOne(node, "net.a")).address).not.toBe(address);
    await world.expectSound();
  });

  it("works from any node, and from one that knows nothing yet", async () => {
    const world = new World({ transactions });
    await assignOne(world.node("node1"), "net.a");
    expect((await world.node("node2").release({ handleId: "net.a" })).released).toHaveLength(1);
    await world.expectSound();
  });

  it("gives back certain addresses, and counts their handles down", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const [first, second] = await node.autoAssign({ handleId: "net.a", wants: [{ family: 4, count: 2 }] });
    if (first === undefined || second === undefined) throw new Error("too few");
    const free = parseAddress("10.0.250.1");
    const { released, absent } = await world.node("node2").release({
      addresses: [{ address: first.address }, { address: free }],
    });
    expect(released).toEqual([first.address]);
    expect(absent).toEqual([free]);
    expect(await world.handle("net.a")).toBe(`{"block":{"${first.block}":1},"deleted":false}`);
    await node.release({ addresses: [{ address: second.address }] });
    expect(await world.handle("net.a")).toBeUndefined();
    await world.expectSound();
  });

  it("refuses all if one is another's by now, or was given anew since", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const [a, b] = [await assignOne(node, "net.a"), await assignOne(node, "net.b")];
    const before = await world.block(a.block.toString());
    const release = (second: object) =>
      world.node("node2").release({ addresses: [{ address: a.address }, { address: b.address, ...second }] });
    await expect(release({ handleId: "net.a" })).rejects.toMatchObject({
      code: "IPAM_BAD_HANDLE",
      message: expect.stringMatching(/is held by net\.b, not by net\.a/),
    });
    await expect(release({ sequence: b.sequence + 1n })).rejects.toMatchObject({ code: "IPAM_BAD_SEQUENCE" });
    expect(await world.block(a.block.toString())).toEqual(before);
    expect((await release({ sequence: b.sequence, handleId: "net.b" })).released).toHaveLength(2);
    await world.expectSound();
  });

  it("is not fooled by what it remembers: a holder that came since is kept, one that left is no conflict", async () => {
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/31", 31)] });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    const [a, b] = [await assignOne(node1, "net.a"), await assignOne(node1, "net.b")];
    await node2.release({ handleId: "net.a" });
    const taken = await assignOne(node2, "net.c");
    expect(taken.address).toBe(a.address);
    await expect(node1.release({ addresses: [{ address: a.address, sequence: a.sequence }] })).rejects.toMatchObject({
      code: "IPAM_BAD_SEQUENCE",
    });
    await node2.release({ handleId: "net.b" });
    expect(await node1.release({ addresses: [{ address: b.address, sequence: b.sequence }] })).toEqual({
      released: [],
      absent: [b.address],
    });
    await world.expectSound();
  });

  it("finds an address whose pool is gone, among all blocks", async () => {
    const world = new World({ transactions });
    const given = await assignOne(world.node("node1"), "net.a");
    world.settings = { ...world.settings, pools: [] };
    const result = await world.node("node2").release({ addresses: [{ address: given.address }] });
    expect(result.released).toEqual([given.address]);
    const stranger = parseAddress("11.0.0.1");
    expect((await world.node("node2").release({ addresses: [{ address: stranger }] })).absent).toEqual([stranger]);
    await world.expectSound();
  });

  it("deletes a block that is nobody's with its last address", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const { block } = await assignOne(node, "net.a");
    expect(await node.releaseAffinity(block)).toBe("released");
    expect(await world.block(block.toString())).toMatchObject({ affinity: null, affinityClaimTime: undefined });
    await node.release({ handleId: "net.a" });
    expect(await world.keys()).toEqual([]);
  });

  it("lets addresses cool down where that is configured, and gives them away again afterwards", async () => {
    const config = { ipCooldownSeconds: 60 };
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/32", 32)], config });
    const node = world.node("node1");
    const given = await assignOne(node, "net.a");
    expect((await node.release({ handleId: "net.a" })).released).toEqual([given.address]);
    expect(await world.handle("net.a")).toBeUndefined();
    await expect(assignOne(node, "net.b")).rejects.toMatchObject({ code: "IPAM_EXHAUSTED" });
    world.clock.advance(59_000);
    await expect(assignOne(node, "net.b")).rejects.toMatchObject({ code: "IPAM_EXHAUSTED" });
    world.clock.advance(1_000);
    expect((await assignOne(node, "net.b")).address).toBe(given.address);
    await world.expectSound();
  });
});

describe.each(MODES)("a release beside requests for the same block $mode", ({ transactions }) => {
  it.each([
    ["an address of it", (ipam: Ipam) => ipam.assignIp({ handleId: "net.b", address: parseAddress("10.99.0.1") })],
    ["the block", (ipam: Ipam) => ipam.claimAffinity(parsePrefix("10.99.0.0/30"))],
  ])("that goes with its last address: %s is given after that", async (_what, ask) => {
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/30", 30)] });
    const node = world.node("node1");
    const { block } = await assignOne(node, "net.a");
    await node.releaseAffinity(block);
    const [released] = await Promise.all([node.release({ handleId: "net.a" }), ask(node)]);
    expect(released.released).toHaveLength(1);
    expect((await world.block(block.toString()))?.affinity).toBe("host:node1");
    await world.expectSound();
  });
});

describe.each(MODES)("addresses that rest $mode", ({ transactions }) => {
  const tiny = (config: object) =>
    new World({
      transactions,
      pools: [pool("tiny", "10.99.0.0/30", 30)],
      config: { ipCooldownSeconds: 300, ...config },
    });

  it("keep their block from others, and leave it to them when they have rested", async () => {
    const world = tiny({ strictAffinity: true });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    await assignOne(node1, "net.a");
    await node1.release({ handleId: "net.a" });
    world.clock.advance(120_000);
    await expect(assignOne(node2, "net.b")).rejects.toMatchObject({
      code: "IPAM_EXHAUSTED",
      message: expect.stringMatching(
        /tiny \(10\.99\.0\.0\/30\): 1 of 1 blocks are claimed, 0 by this node; 1 hold addresses that rest/,
      ),
    });
    world.clock.advance(180_000);
    expect((await assignOne(node2, "net.b")).borrowedFrom).toBeUndefined();
    expect(await world.keys("/calico/ipam/v2/host/node1/")).toEqual([]);
    await world.expectSound();
  });

  it("keep their block from being given up, and not when they have rested", async () => {
    const world = tiny({});
    const node = world.node("node1");
    const { block } = await assignOne(node, "net.a");
    await node.release({ handleId: "net.a" });
    expect(await node.releaseAffinity(block, { requireEmpty: true })).toBe("not-empty");
    world.clock.advance(300_000);
    expect(await node.releaseAffinity(block, { requireEmpty: true })).toBe("released");
    expect(await world.keys()).toEqual([]);
  });

  it("are not given by address either, and the refusal says why", async () => {
    const world = tiny({});
    const node = world.node("node1");
    const { address } = await assignOne(node, "net.a");
    await node.release({ handleId: "net.a" });
    await expect(node.assignIp({ handleId: "net.b", address })).rejects.toMatchObject({
      code: "IPAM_ADDRESS_TAKEN",
      message: expect.stringMatching(/released at 2026-01-01T00:00:00Z and cools down/),
    });
    world.clock.advance(300_000);
    expect(await node.assignIp({ handleId: "net.b", address })).toMatchObject({ reused: false });
    await world.expectSound();
  });
});

describe.each(MODES)("writes of the caller's own $mode", ({ transactions }) => {
  const KEY = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-k8s-web-eth0";

  it("are made with the addresses in them", async () => {
    const world = new World({ transactions });
    const given = await world.node("node1").autoAssign({
      handleId: "net.a",
      wants: [{ family: 4 }],
      extra: (addresses) => ({
        compares: [{ key: KEY, exists: false }],
        operations: [{ put: KEY, value: texts(addresses).join() }],
      }),
    });
    expect((await world.store.get(KEY))?.value).toBe(texts(given).join());
    await world.node("node1").release({ handleId: "net.a", extra: { operations: [{ delete: KEY }] } });
    expect(await world.store.get(KEY)).toBeUndefined();
    await world.expectSound();
  });

  it("refuse the request where they do not hold, and nothing is left of it", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    await assignOne(node, "net.z");
    const other = await world.store.put(KEY, "another's");
    const extra = { compares: [{ key: KEY, exists: false }], operations: [{ put: KEY, value: "mine" }] };
    const attempts = [
      node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }], extra: () => extra }),
      node.autoAssign({ handleId: "net.b", wants: [{ family: 4 }] }),
    ] as const;
    await expect(attempts[0]).rejects.toMatchObject({ code: "IPAM_EXTRA_CONFLICT", where: KEY });
    expect(await attempts[1]).toHaveLength(1);
    expect(await world.store.get(KEY)).toEqual(other);
    expect(await world.handle("net.a")).toBeUndefined();
    expect((await world.block((await attempts[1])[0]?.block.toString() ?? ""))?.unallocated).toHaveLength(62);
    await world.expectSound();
  });

  it("are made for a handle that held its address before", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    await assignOne(node, "net.a");
    const extra = () => ({ operations: [{ put: KEY, value: "endpoint" }] });
    const [again] = await node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }], extra });
    expect(again?.reused).toBe(true);
    expect((await world.store.get(KEY))?.value).toBe("endpoint");
  });

  it("of two requests on one key do not meet in one commit", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const put = node.autoAssign({
      handleId: "net.a",
      wants: [{ family: 4 }],
      extra: () => ({ operations: [{ put: KEY, value: "endpoint" }] }),
    });
    const remove = node.release({ handleId: "net.b", extra: { operations: [{ delete: KEY }] } });
    await Promise.all([put, remove]);
    expect(await world.store.get(KEY)).toBeUndefined();
    await world.expectSound();
  });

  it("that throw fail the request and nothing else", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const extra = () => {
      throw new Error("no endpoint today");
    };
    await expect(node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }], extra })).rejects.toThrow(
      "no endpoint today",
    );
    expect(await world.handle("net.a")).toBeUndefined();
    await world.expectSound();
  });
});

describe.each(MODES)("blocks of a node $mode", ({ transactions }) => {
  it("are ensured before the first pod, once", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const block = await node.ensureBlock({ family: 4 });
    expect(await world.block(block.toString())).toMatchObject({ affinity: "host:node1", attributes: null });
    expect(await node.ensureBlock({ family: 4 })).toEqual(block);
    expect((await assignOne(node, "net.a")).block).toEqual(block);
    await world.expectSound();
  });

  it("are claimed by name, unless another has them", async () => {
    const world = new World({ transactions });
    const block = parsePrefix("10.0.3.64/26");
    await world.node("node1").claimAffinity(block);
    expect(await world.node("node1").claimAffinity(block)).toEqual(block);
    await expect(world.node("node2").claimAffinity(block)).rejects.toMatchObject({
      code: "IPAM_BLOCK_TAKEN",
      message: expect.stringMatching(/10\.0\.3\.64\/26 is host:node1's/),
    });
    await expect(world.node("node2").claimAffinity(parsePrefix("10.0.3.0/24"))).rejects.toMatchObject({
      code: "IPAM_NO_POOL",
    });
    await world.expectSound();
  });

  it("are given up: deleted if empty, left to those who use them if not, kept if that is asked", async () => {
    const world = new World({ transactions });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    const { block, sequence } = await assignOne(node1, "net.a");
    expect(await node2.releaseAffinity(block)).toBe("not-owner");
    expect(await node2.releaseAffinity(block, { node: "node1", requireEmpty: true })).toBe("not-empty");
    expect(await node2.releaseAffinity(block, { node: "node1", sequence })).toBe("changed");
    await node1.release({ handleId: "net.a" });
    expect(await node2.releaseAffinity(block, { node: "node1", requireEmpty: true })).toBe("released");
    expect(await world.keys()).toEqual([]);
    // The former owner remembers the block, and claims again.
    expect((await assignOne(node1, "net.b")).borrowedFrom).toBeUndefined();
    await world.expectSound();
  });

  it("are given up where their pool does not select the node any more, if they are empty", async () => {
    const world = new World({ transactions, pools: [pool("a", "10.1.0.0/24", 26), pool("b", "10.2.0.0/24", 26)] });
    const node = world.node("node1");
    const [empty, used, other] = ["10.1.0.0/26", "10.1.0.64/26", "10.2.0.0/26"].map((cidr) => parsePrefix(cidr));
    if (empty === undefined || used === undefined || other === undefined) throw new Error("missing");
    for (const block of [empty, used, other]) await node.claimAffinity(block);
    await node.assignIp({ handleId: "net.a", address: used.address });
    expect(await node.releaseUnselected()).toEqual([]);
    world.settings = {
      ...world.settings,
      pools: world.settings.pools.map((each) => ({ ...each, selectsNode: each.name !== "a" })),
    };
    expect(await node.releaseUnselected()).toEqual([empty]);
    expect((await assignOne(node, "net.b")).block).toEqual(other);
    await world.expectSound();
  });

  it("are given up with the last address, where their pool has turned away from the node", async () => {
    const world = new World({ transactions, pools: [pool("a", "10.1.0.0/24", 26)] });
    const node = world.node("node1");
    await assignOne(node, "net.a");
    await assignOne(node, "net.b");
    const pools = world.settings.pools.map((each) => ({ ...each, selectsNode: false }));
    world.settings = { ...world.settings, pools };
    await node.release({ handleId: "net.a" });
    expect(await world.keys("/calico/ipam/v2/host/")).toHaveLength(1);
    await node.release({ handleId: "net.b" });
    // It goes after the answer: whoever asks next finds it gone.
    expect(await node.releaseUnselected()).toEqual([]);
    expect(await world.keys()).toEqual([]);
  });

  it.each(["pending", "pendingDeletion"])(
    "that are half claimed (%s) are mended at the next request",
    async (state) => {
      const world = new World({ transactions });
      const { block } = await assignOne(world.node("node1"), "net.a");
      const own = "/calico/ipam/v2/host/node1/ipv4/block/";
      await world.store.put(`${own}${block.toString().replace("/", "-")}`, `{"state":"${state}","deleted":false}`);
      await world.store.put(`${own}10.0.77.0-26`, `{"state":"${state}","deleted":false}`);
      expect((await assignOne(world.node("node1"), "net.b")).block).toEqual(block);
      await world.expectSound();
    },
  );

  it("stay a node's that allocates from them while another, who died, was taking them away", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const block = await node.ensureBlock({ family: 4 });
    const key = `/calico/ipam/v2/host/node1/ipv4/block/${block.toString().replace("/", "-")}`;
    await world.store.put(key, '{"state":"pendingDeletion","deleted":false}');
    await assignOne(node, "net.a");
    // Without transactions the node finds out when it looks at its affinities next.
    if (!transactions) await node.recover();
    await world.expectSound();
    await world.store.delete(key);
    await assignOne(node, "net.b");
    if (!transactions) await node.recover();
    await world.expectSound();
  });

  it("are taken from the old forms that Calico stored", async () => {
    const world = new World({ transactions });
    const free = Array.from({ length: 64 }, (_, index) => index);
    await world.store.put(
      "/calico/ipam/v2/assignment/ipv4/block/10.0.5.0-26",
      JSON.stringify({
        cidr: "10.0.5.0/26",
        hostAffinity: "node1",
        strictAffinity: false,
        allocations: [0, ...Array.from({ length: 63 }, () => null)],
        unallocated: free.slice(1),
        attributes: [{ handle_id: "net.old\r\neth0", secondary: null }],
      }),
    );
    await world.store.put("/calico/ipam/v2/host/node1/ipv4/block/10.0.5.0-26", "");
    await world.store.put(handleKey("net.old"), '{"block":{"10.0.5.0/26":1}}');
    const node = world.node("node1");
    const given = await assignOne(node, "net.new");
    expect(formatAddress(given.address)).toBe("10.0.5.1");
    const row = await world.store.get("/calico/ipam/v2/assignment/ipv4/block/10.0.5.0-26");
    expect(row?.value).toContain('"affinity":"host:node1"');
    expect(row?.value).toContain('"strictAffinity":false');
    expect((await node.release({ handleId: "net.old" })).released).toEqual([parseAddress("10.0.5.0")]);
    expect(await world.handle("net.old")).toBeUndefined();
  });
});
