import { blockKey, handleKey } from "@ocicat/api/ipam";
import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { assignOne, pool, texts, World } from "../support/world.ts";

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

const small = (changes = {}) => [pool("small", "10.1.0.0/28", 30, changes)];

describe.each(MODES)("autoAssign $mode", ({ transactions }) => {
  it("claims a block on a node's first request, and gives its first address", async () => {
    const world = new World({ transactions });
    const given = await assignOne(world.node("node1"), "net.a");
    expect(given).toMatchObject({ family: 4, pool: "default", borrowedFrom: undefined, reused: false });
    expect(formatAddress(given.address)).toBe(formatAddress(given.block.address));
    expect(given.reason).toMatch(/^10\.0\.\d+\.\d+: .*10\.0\.\d+\.\d+\/26.*node1/);
    const cidr = given.block.toString();
    expect(await world.keys()).toEqual([
      blockKey(given.block),
      handleKey("net.a"),
      `/calico/ipam/v2/host/node1/ipv4/block/${cidr.replace("/", "-")}`,
    ]);
    expect(await world.handle("net.a")).toBe(`{"block":{"${cidr}":1},"deleted":false}`);
    await world.expectSound();
  });

  it("stores who holds an address: handle, node, time, and what the caller says", async () => {
    const world = new World({ transactions });
    const [given] = await world.node("node1").autoAssign({
      handleId: "net.a",
      attributes: { pod: "web-1", namespace: "default" },
      wants: [{ family: 4 }],
    });
    const block = await world.block(given?.block.toString() ?? "");
    expect(block?.attributes?.[0]?.json).toBe(
      '{"handle_id":"net.a","secondary":{"namespace":"default","node":"node1","pod":"web-1",' +
        '"timestamp":"2026-01-01 00:00:00 +0000 UTC"}}',
    );
    expect(block?.sequenceNumberForAllocation.get(0)).toBe(given?.sequence);
  });

  it("gives the same address to the same handle, also after a restart, and allocates nothing more", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const first = await assignOne(node, "net.a");
    await assignOne(node, "net.b");
    const again = await assignOne(node, "net.a");
    const restarted = await assignOne(world.node("node1"), "net.a");
    const elsewhere = await assignOne(world.node("node2"), "net.a");
    for (const { address, reused, sequence } of [again, restarted, elsewhere]) {
      expect({ address, reused, sequence }).toEqual({ address: first.address, reused: true, sequence: first.sequence });
    }
    expect((await world.block(first.block.toString()))?.unallocated).toHaveLength(62);
    await world.expectSound();
  });

  it("writes its handle anew where an endpoint goes with what it held already, and makes it again if it was lost", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const { address } = await assignOne(node, "net.a");
    const revision = async () => (await world.store.get(handleKey("net.a")))?.modRevision ?? 0n;
    const before = await revision();
    const extra = () => ({ operations: [{ put: "/endpoint/a", value: "endpoint" }] });
    const [again] = await node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }], extra });
    expect(again).toMatchObject({ address, reused: true });
    const after = await revision();
    expect(after).toBeGreaterThan(before);
    expect(await node.assignIp({ handleId: "net.a", address, extra })).toMatchObject({ reused: true });
    expect(await revision()).toBeGreaterThan(after);
    await world.store.delete(handleKey("net.a"));
    await node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }], extra });
    await world.expectSound();
  });

  it("does not hand out again what somebody released meanwhile", async () => {
    const world = new World({ transactions });
    const [node, other] = [world.node("node1"), world.node("node2")];
    const first = await assignOne(node, "net.a");
    await other.release({ handleId: "net.a" });
    const again = await assignOne(node, "net.a");
    expect(again.reused).toBe(false);
    expect(again.address).not.toBe(first.address);
    await world.expectSound();
  });

  it("uses its block to the end, then claims a second, and never a third before that is full", async () => {
    const world = new World({ transactions, pools: small() });
    const node = world.node("node1");
    const given = [];
    for (let index = 0; index < 8; index++) given.push(await assignOne(node, `net.${index}`));
    expect(new Set(given.map(({ address }) => address)).size).toBe(8);
    expect(new Set(given.slice(0, 4).map(({ block }) => block.toString())).size).toBe(1);
    expect(new Set(given.slice(4).map(({ block }) => block.toString())).size).toBe(1);
    expect(await world.keys("/calico/ipam/v2/host/")).toHaveLength(2);
    await world.expectSound();
  });

  it("gives many at once, over blocks, under one handle", async () => {
    const world = new World({ transactions, pools: small() });
    const given = await world.node("node1").autoAssign({ handleId: "net.a", wants: [{ family: 4, count: 7 }] });
    expect(new Set(texts(given)).size).toBe(7);
    expect(JSON.parse((await world.handle("net.a")) ?? "{}").block).toEqual(
      Object.fromEntries(
        [...Map.groupBy(given, ({ block }) => block.toString())].map(([cidr, members]) => [cidr, members.length]),
      ),
    );
    await world.expectSound();
  });

  it("gives both families or none", async () => {
    const world = new World({ transactions });
    const wants = [{ family: 4 }, { family: 6 }] as const;
    const given = await world.node("node1").autoAssign({ handleId: "net.a", wants });
    expect(given.map(({ family }) => family)).toEqual([4, 6]);
    expect(given[1]?.block.length).toBe(122);
    world.settings = { ...world.settings, pools: world.settings.pools.slice(0, 1) };
    const refused = world.node("node1").autoAssign({ handleId: "net.b", wants });
    await expect(refused).rejects.toMatchObject({ code: "IPAM_NO_POOL" });
    expect(await world.handle("net.b")).toBeUndefined();
    await world.expectSound();
  });

  it("completes what a handle holds: a second family is added to the first", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const first = await assignOne(node, "net.a");
    const both = await node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }, { family: 6 }] });
    expect(both.map(({ reused }) => reused)).toEqual([true, false]);
    expect(both[0]?.address).toBe(first.address);
    await world.expectSound();
  });

  it("lets nodes claim different blocks, also at the same time", async () => {
    const world = new World({ transactions });
    const names = Array.from({ length: 12 }, (_, index) => `node${index}`);
    const given = await Promise.all(names.map((name) => assignOne(world.node(name), `net.${name}`)));
    expect(new Set(given.map(({ block }) => block.toString())).size).toBe(12);
    await world.expectSound();
  });

  it("borrows when every block is claimed, and says from whom", async () => {
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/26", 26)] });
    await assignOne(world.node("node1"), "net.a");
    const borrowed = await assignOne(world.node("node2"), "net.b");
    expect(formatAddress(borrowed.address)).toBe("10.99.0.1");
    expect(borrowed).toMatchObject({ borrowedFrom: "host:node1", pool: "tiny" });
    expect(borrowed.reason).toMatch(/borrowed from 10\.99\.0\.0\/26 of node1, because node2 can claim no block/);
    expect((await world.block("10.99.0.0/26"))?.affinity).toBe("host:node1");
    expect(await world.keys("/calico/ipam/v2/host/node2/")).toEqual([]);
    await world.expectSound();
  });

  it("does not borrow under strict affinity, and leaves nothing behind", async () => {
    const pools = [pool("tiny", "10.99.0.0/26", 26)];
    const world = new World({ transactions, pools, config: { strictAffinity: true } });
    await assignOne(world.node("node1"), "net.a");
    await expect(assignOne(world.node("node2"), "net.b")).rejects.toMatchObject({
      code: "IPAM_EXHAUSTED",
      message: expect.stringMatching(/pool tiny.*strict affinity forbids to borrow/),
    });
    expect(await world.handle("net.b")).toBeUndefined();
    await world.expectSound();
  });

  it("says so when there is nothing left at all", async () => {
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/31", 31)] });
    const node = world.node("node1");
    await Promise.all([assignOne(node, "net.a"), assignOne(node, "net.b")]);
    await expect(assignOne(node, "net.c")).rejects.toMatchObject({
      code: "IPAM_EXHAUSTED",
      retryable: false,
      message: expect.stringMatching(/none has an address to lend/),
    });
    await expect(assignOne(world.node("node2"), "net.d")).rejects.toMatchObject({ code: "IPAM_EXHAUSTED" });
    await node.release({ handleId: "net.a" });
    expect((await assignOne(world.node("node2"), "net.d")).borrowedFrom).toBe("host:node1");
    await world.expectSound();
  });

  it("stops at the limit of blocks, and does not borrow instead", async () => {
    const world = new World({ transactions, pools: small(), config: { strictAffinity: true, maxBlocksPerHost: 1 } });
    const node = world.node("node1");
    await node.autoAssign({ handleId: "net.a", wants: [{ family: 4, count: 4 }] });
    await expect(assignOne(node, "net.b")).rejects.toMatchObject({
      code: "IPAM_BLOCK_LIMIT",
      message: expect.stringMatching(/its 1 blocks, and they are full/),
    });
  });

  it("has 20 blocks for its limit where none is configured", async () => {
    const world = new World({ transactions, pools: [pool("many", "10.2.0.0/24", 31)] });
    const node = world.node("node1");
    await node.autoAssign({ handleId: "net.a", wants: [{ family: 4, count: 40 }] });
    await expect(assignOne(node, "net.b")).rejects.toMatchObject({ code: "IPAM_BLOCK_LIMIT" });
  });

  it("claims nothing where nodes may not", async () => {
    const config = { strictAffinity: true, autoAllocateBlocks: false };
    const world = new World({ transactions, config });
    await expect(assignOne(world.node("node1"), "net.a")).rejects.toMatchObject({ code: "IPAM_EXHAUSTED" });
    expect(await world.keys()).toEqual([]);
  });

  it("passes over what is reserved: addresses, and whole blocks", async () => {
    const world = new World({ transactions, pools: [pool("small", "10.1.0.0/29", 30)] });
    const reserve = (...cidrs: string[]) => {
      world.settings = { ...world.settings, reservations: cidrs.map((cidr) => parsePrefix(cidr)) };
    };
    reserve("10.1.0.0/30", "10.1.0.4/31");
    const given = await world.node("node1").autoAssign({ handleId: "net.a", wants: [{ family: 4, count: 2 }] });
    expect(texts(given)).toEqual(["10.1.0.6", "10.1.0.7"]);
    await expect(assignOne(world.node("node2"), "net.b")).rejects.toMatchObject({ code: "IPAM_EXHAUSTED" });
    reserve("10.1.0.0/30");
    expect(texts([await assignOne(world.node("node2"), "net.b")])).toEqual(["10.1.0.4"]);
    await world.expectSound();
  });

  it("takes an empty block from a node that claimed it a minute ago, when nothing else is left", async () => {
    const world = new World({ transactions, pools: [pool("tiny", "10.99.0.0/30", 30)] });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    await assignOne(node1, "net.a");
    await node1.release({ handleId: "net.a" });
    expect((await assignOne(node2, "net.b")).borrowedFrom).toBe("host:node1");
    await node2.release({ handleId: "net.b" });
    world.clock.advance(60_000);
    const taken = await assignOne(node2, "net.c");
    expect(taken).toMatchObject({ borrowedFrom: undefined });
    if (transactions) expect(taken.reason).toMatch(/which node1 left empty/);
    expect(await world.keys("/calico/ipam/v2/host/")).toEqual(["/calico/ipam/v2/host/node2/ipv4/block/10.99.0.0-30"]);
    // The former owner has not heard of it, and finds out at its next commit.
    expect((await assignOne(node1, "net.d")).borrowedFrom).toBe("host:node2");
    await world.expectSound();
  });

  it("works in blocks of one address, claiming one for each", async () => {
    const world = new World({ transactions, pools: [pool("ones", "10.3.0.0/29", 32)] });
    const node = world.node("node1");
    const given = [];
    for (let index = 0; index < 8; index++) given.push(await assignOne(node, `net.${index}`));
    expect(new Set(given.map(({ address }) => address)).size).toBe(8);
    await world.expectSound();
  });

  it("uses pools in the order asked for, and only those", async () => {
    const pools = [pool("a", "10.1.0.0/26", 26), pool("b", "10.2.0.0/26", 26), pool("c", "10.3.0.0/26", 26)];
    const world = new World({ transactions, pools });
    const node = world.node("node1");
    const ask = async (handleId: string, ...names: string[]) => {
      const [given] = await node.autoAssign({ handleId, wants: [{ family: 4, pools: names }] });
      return given?.pool;
    };
    expect(await ask("net.1", "b", "a")).toBe("b");
    expect(await ask("net.2", "10.3.0.0/26")).toBe("c");
    expect(await ask("net.3", "c")).toBe("c");
    await expect(ask("net.4", "d")).rejects.toMatchObject({
      code: "IPAM_NO_POOL",
      message: /no IP pool "d"; name one of a, b, c/,
    });
    await world.expectSound();
  });

  it.each([
    [{ disabled: true }, /default is disabled/],
    [{ assignmentMode: "Manual" as const }, /default is for requests that name it/],
    [{ allowedUses: ["Tunnel" as const] }, /default allows only Tunnel/],
    [{ selectsNode: false }, /default does not select this node/],
  ])("says of a pool that may not serve it why: %j", async (changes, message) => {
    const world = new World({ transactions, pools: [pool("default", "10.0.0.0/16", 26, changes)] });
    await expect(assignOne(world.node("node1"), "net.a")).rejects.toMatchObject({ code: "IPAM_NO_POOL", message });
  });

  it("uses a Manual pool, or one that does not select the node, for requests that name it", async () => {
    const changes = { assignmentMode: "Manual" as const, selectsNode: false };
    const world = new World({ transactions, pools: [pool("kept", "10.0.0.0/16", 26, changes)] });
    const wants = [{ family: 4, pools: ["kept"] }] as const;
    expect(await world.node("node1").autoAssign({ handleId: "net.a", wants })).toHaveLength(1);
  });

  it("asks the request's own condition of pools that it does not name", async () => {
    const world = new World({ transactions });
    const wants = [{ family: 4, allows: () => false }] as const;
    await expect(world.node("node1").autoAssign({ handleId: "net.a", wants })).rejects.toThrow(
      /default does not select this namespace/,
    );
  });

  it.each([
    { handleId: "net.a", wants: [] },
    { handleId: "net.a", wants: [{ family: 4 }, { family: 4 }] },
    { handleId: "net.a", wants: [{ family: 4, count: 0 }] },
    { handleId: "net/a", wants: [{ family: 4 }] },
    { handleId: "", wants: [{ family: 4 }] },
  ] as const)("refuses %j before it asks the store", async (request) => {
    const world = new World({ transactions });
    const attempt = world.node("node1").autoAssign(request);
    await expect(attempt).rejects.toMatchObject({
      code: expect.stringMatching(/^(IPAM_REQUEST_INVALID|INVALID_NAME)$/),
    });
    expect(world.takeCalls()).toEqual([]);
  });

  it("refuses to give from a handle that cannot be read, and names its key", async () => {
    const world = new World({ transactions });
    await world.store.put(handleKey("net.a"), "{oops");
    await expect(assignOne(world.node("node1"), "net.a")).rejects.toMatchObject({
      code: "IPAM_CORRUPT",
      key: handleKey("net.a"),
    });
  });

  it("works around a block of its own that cannot be read", async () => {
    const world = new World({ transactions });
    const first = await assignOne(world.node("node1"), "net.a");
    await world.store.put(blockKey(first.block), '{"cidr":"nonsense"}');
    const next = await assignOne(world.node("node1"), "net.b");
    expect(next.block.toString()).not.toBe(first.block.toString());
  });
});

describe.each(MODES)("assignIp $mode", ({ transactions }) => {
  const at = (text: string) => parseAddress(text);

  it("gives the address asked for, and claims its block", async () => {
    const world = new World({ transactions });
    const given = await world.node("node1").assignIp({ handleId: "net.a", address: at("10.0.7.77") });
    expect(given).toMatchObject({ address: at("10.0.7.77"), pool: "default", reused: false, borrowedFrom: undefined });
    expect((await world.block("10.0.7.64/26"))?.affinity).toBe("host:node1");
    expect(await world.handle("net.a")).toContain('"10.0.7.64/26":1');
    await world.expectSound();
  });

  it("gives it again to the handle that holds it, and refuses it to others, naming the holder", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    await node.assignIp({ handleId: "net.a", address: at("fd00::99"), attributes: { pod: "web-1" } });
    expect(await node.assignIp({ handleId: "net.a", address: at("fd00::99") })).toMatchObject({ reused: true });
    await expect(world.node("node2").assignIp({ handleId: "net.b", address: at("fd00::99") })).rejects.toMatchObject({
      code: "IPAM_ADDRESS_TAKEN",
      message: expect.stringMatching(/fd00::99 is taken \(by net\.a .*web-1/),
    });
    expect(await world.handle("net.b")).toBeUndefined();
    await world.expectSound();
  });

  it("borrows it from another's block, unless affinity is strict", async () => {
    const world = new World({ transactions });
    await world.node("node1").assignIp({ handleId: "net.a", address: at("10.0.7.77") });
    const given = await world.node("node2").assignIp({ handleId: "net.b", address: at("10.0.7.78") });
    expect(given.borrowedFrom).toBe("host:node1");
    world.settings = { ...world.settings, config: { ...world.settings.config, strictAffinity: true } };
    await expect(world.node("node2").assignIp({ handleId: "net.c", address: at("10.0.7.79") })).rejects.toMatchObject({
      code: "IPAM_STRICT_AFFINITY",
    });
    await world.expectSound();
  });

  it("refuses an address of no pool, and a use the pool is not for", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    await expect(node.assignIp({ handleId: "net.a", address: at("11.0.0.1") })).rejects.toMatchObject({
      code: "IPAM_ADDRESS_OUTSIDE_POOLS",
    });
    await expect(
      node.assignIp({ handleId: "net.a", address: at("10.0.0.1"), use: "LoadBalancer" }),
    ).rejects.toMatchObject({ code: "IPAM_NO_POOL" });
    expect(await world.keys()).toEqual([]);
  });

  it("sees that an address has been released since it was refused", async () => {
    const world = new World({ transactions });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    await node1.assignIp({ handleId: "net.a", address: at("10.0.7.77") });
    await expect(node2.assignIp({ handleId: "net.b", address: at("10.0.7.77") })).rejects.toThrow(/taken/);
    await node1.release({ handleId: "net.a" });
    expect(await node2.assignIp({ handleId: "net.b", address: at("10.0.7.77") })).toMatchObject({ reused: false });
    await world.expectSound();
  });

  it("gives one of each family in one commit, with what goes with them, or neither", async () => {
    const world = new World({ transactions });
    const node = world.node("node1");
    const both = [at("10.0.7.77"), at("fd00::99")];
    const told: number[] = [];
    const extra = (addresses: readonly unknown[]) => {
      told.push(addresses.length);
      return { operations: [{ put: "/endpoint/a", value: "endpoint" }] };
    };
    await world.node("node2").assignIp({ handleId: "net.other", address: at("fd00::99") });
    const before = await world.keys();
    await expect(node.assignIps({ handleId: "net.a", addresses: both, extra })).rejects.toMatchObject({
      code: "IPAM_ADDRESS_TAKEN",
    });
    expect(told).toEqual([]);
    expect(await world.handle("net.a")).toBeUndefined();
    expect((await world.keys()).filter((key) => key.startsWith("/calico/ipam/v2/handle/"))).toEqual(
      before.filter((key) => key.startsWith("/calico/ipam/v2/handle/")),
    );
    await world.node("node2").release({ handleId: "net.other" });
    const given = await node.assignIps({ handleId: "net.a", addresses: both, extra });
    expect(given.map(({ address }) => address)).toEqual(both);
    expect(new Set(told)).toEqual(new Set([2]));
    await world.expectSound();
  });
});
