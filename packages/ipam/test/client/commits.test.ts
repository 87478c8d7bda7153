import { handleKey } from "@ocicat/api/ipam";
import { DatastoreError } from "@ocicat/datastore";
import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { IpamPool } from "../../src/index.ts";
import type { Call, Interceptor } from "../support/intercepted-store.ts";
import { assignOne, pool, texts, World } from "../support/world.ts";

const unavailable = () => new DatastoreError("UNAVAILABLE", "no answer");
const unknown = () => new DatastoreError("UNKNOWN_OUTCOME", "the connection was lost");

/** Holds every write back until it is let go. */
function gate(): { intercept: Interceptor; open: () => void; waiting: () => number } {
  let isOpen = false;
  const waiting: (() => void)[] = [];
  return {
    intercept: async (call, run) => {
      if (call.isWrite && !isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
      return run();
    },
    open() {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
    waiting: () => waiting.length,
  };
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Moves the clock on whenever somebody waits for it, until the promise is settled. */
async function withClock<R>(world: World, promise: Promise<R>): Promise<R> {
  let isDone = false;
  const settled = promise.finally(() => {
    isDone = true;
  });
  settled.catch(() => {});
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(1000);
  }
  return settled;
}

describe("with transactions", () => {
  it("an address in the steady state costs one call to the store, and so does giving it back", async () => {
    const world = new World({ transactions: true });
    const node = world.node("node1");
    await assignOne(node, "net.first");
    world.takeCalls();
    const extra = (key: string) => ({ operations: [{ put: key, value: "endpoint" }] });
    await node.autoAssign({ handleId: "net.a", wants: [{ family: 4 }], extra: () => extra("/endpoint/a") });
    expect(world.takeCalls()).toEqual(["commit"]);
    await node.release({ handleId: "net.a", extra: { operations: [{ delete: "/endpoint/a" }] } });
    expect(world.takeCalls()).toEqual(["commit"]);
  });

  it("a node's first address costs a look at its blocks, one at the block it will claim, and one commit", async () => {
    const world = new World({ transactions: true });
    await assignOne(world.node("node1"), "net.a");
    expect(world.takeCalls()).toEqual(["list", "get", "get", "commit"]);
  });

  it("a conflict with another node costs one more commit, and no read", async () => {
    const world = new World({ transactions: true, pools: [pool("tiny", "10.99.0.0/26", 26)] });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    await assignOne(node1, "net.a");
    await assignOne(node2, "net.b");
    world.takeCalls();
    await assignOne(node1, "net.c");
    expect(world.takeCalls()).toEqual(["commit", "commit"]);
    await world.expectSound();
  });

  it("requests that come while a commit is under way share the next one", async () => {
    const world = new World({ transactions: true });
    const { intercept, open, waiting } = gate();
    await assignOne(world.node("node1"), "net.warm");
    const node = world.node("node1", intercept);
    const first = assignOne(node, "net.first");
    await waitFor(() => waiting() === 1);
    const ids = Array.from({ length: 40 }, (_, index) => `net.${index}`);
    const rest = ids.map((handleId) => assignOne(node, handleId));
    world.takeCalls();
    open();
    const given = await Promise.all([first, ...rest]);
    expect(world.takeCalls()).toEqual(["commit"]);
    expect(new Set(texts(given)).size).toBe(41);
    const block = await world.block(given[0]?.block.toString() ?? "");
    expect(new Set(block?.sequenceNumberForAllocation.values()).size).toBe(3);
    await world.expectSound();
  });

  it("a hundred pods at once on a fresh node take few commits, over as many blocks as they need", async () => {
    const world = new World({ transactions: true });
    const node = world.node("node1");
    const given = await Promise.all(Array.from({ length: 200 }, (_, index) => assignOne(node, `net.${index}`)));
    expect(new Set(texts(given)).size).toBe(200);
    expect(world.takeCalls().filter((name) => name === "commit").length).toBeLessThanOrEqual(6);
    expect(await world.keys("/calico/ipam/v2/host/")).toHaveLength(4);
    await world.expectSound();
  });

  it("one request that fails does not fail those it shares a commit with", async () => {
    const world = new World({ transactions: true });
    const node = world.node("node1");
    await assignOne(node, "net.warm");
    const attempts = await Promise.allSettled([
      assignOne(node, "net.a"),
      node.autoAssign({ handleId: "net.b", wants: [{ family: 4, pools: ["nowhere"] }] }),
      assignOne(node, "net.c"),
    ]);
    expect(attempts.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await world.expectSound();
  });

  it("one refused for what was remembered is looked at again, also if another of its commit needs a block", async () => {
    const world = new World({ transactions: true });
    const [one, two] = [world.node("node1"), world.node("node2")];
    const { address } = await assignOne(two, "net.theirs");
    const ask = (handleId: string) => one.assignIp({ handleId, address });
    await expect(ask("net.early")).rejects.toMatchObject({ code: "IPAM_ADDRESS_TAKEN" });
    await two.release({ handleId: "net.theirs" });
    const [given] = await Promise.all([ask("net.a"), assignOne(one, "net.b")]);
    expect(given.address).toEqual(address);
    await world.expectSound();
  });

  it("a store that takes less than a batch is served in smaller ones", async () => {
    const world = new World({ transactions: true });
    await assignOne(world.node("node1"), "net.warm");
    const most: number[] = [];
    const node = world.node("node1", (call: Call, run) => {
      if (call.name === "commit") most.push(call.keys.length);
      if (call.keys.length > 4) return Promise.reject(new DatastoreError("TOO_LARGE", "too much at once"));
      return run();
    });
    const given = await Promise.all(Array.from({ length: 20 }, (_, index) => assignOne(node, `net.${index}`)));
    expect(new Set(texts(given)).size).toBe(20);
    expect(most.filter((count) => count > 4).length).toBeLessThanOrEqual(4);
    await world.expectSound();
  });
});

describe.each([
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
])("when the store fails $mode", ({ transactions }) => {
  /** A warm node whose next writes meet `faults`, one each; undefined: no fault. */
  async function faulty(
    faults: readonly ((run: () => Promise<unknown>, world: World) => Promise<unknown>)[],
    pools?: readonly IpamPool[],
  ) {
    const world = new World({ transactions, ...(pools && { pools }) });
    await assignOne(world.node("node1"), "net.warm");
    const left = [...faults];
    const intercept: Interceptor = async (call, run) => {
      const fault = call.isWrite ? left.shift() : undefined;
      return fault === undefined ? run() : ((await fault(run, world)) as Awaited<ReturnType<typeof run>>);
    };
    return { world, node: world.node("node1", intercept) };
  }

  const lost = async (run: () => Promise<unknown>) => {
    await run();
    throw unknown();
  };
  const dropped = () => Promise.reject(unknown());

  it("a write that did not happen fails the request, and leaves nothing", async () => {
    const { world, node } = await faulty([() => Promise.reject(unavailable())]);
    await expect(withClock(world, assignOne(node, "net.a"))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
    });
    expect(await world.handle("net.a")).toBeUndefined();
    await world.expectSound();
    expect((await withClock(world, assignOne(node, "net.a"))).reused).toBe(false);
  });

  it.each([
    ["the answer is lost", [lost]],
    ["the question is lost", [dropped]],
    ["both, one after the other", [dropped, lost, dropped]],
  ])("an address is given once although %s", async (_what, faults) => {
    const { world, node } = await faulty(faults);
    const given = await withClock(world, assignOne(node, "net.a"));
    expect(given.reused).toBe(false);
    expect((await world.block(given.block.toString()))?.unallocated).toHaveLength(62);
    await world.expectSound();
  });

  it.each([
    ["the answer is lost", [lost]],
    ["the question is lost", [dropped]],
  ])("an address is given back once although %s", async (_what, faults) => {
    const { world, node } = await faulty(faults);
    const result = await withClock(world, node.release({ handleId: "net.warm" }));
    expect(result.released).toHaveLength(1);
    await world.expectSound();
  });

  it("an address that went to another before the answer came is not taken from them", async () => {
    const overtaken = async (run: () => Promise<unknown>, world: World) => {
      await run();
      await assignOne(world.node("node2"), "net.next");
      throw unknown();
    };
    const { world, node } = await faulty([overtaken], [pool("tiny", "10.99.0.0/32", 32)]);
    const address = parseAddress("10.99.0.0");
    const result = await withClock(world, node.release({ addresses: [{ address }] }));
    expect(result).toEqual({ released: [address], absent: [] });
    expect(await world.handle("net.next")).toBe('{"block":{"10.99.0.0/32":1},"deleted":false}');
    expect(await world.handle("net.warm")).toBeUndefined();
    await world.expectSound();
  });

  it("an outcome that stays unknown is told, and settled before the next request", async () => {
    const { world, node } = await faulty([lost, ...Array.from({ length: 8 }, () => dropped)]);
    await expect(withClock(world, assignOne(node, "net.a"))).rejects.toMatchObject({
      code: "IPAM_OUTCOME_UNKNOWN",
      retryable: true,
    });
    const given = await withClock(world, assignOne(node, "net.b"));
    await withClock(world, node.release({ handleId: "net.a" }));
    const block = await world.block(given.block.toString());
    expect(block?.unallocated).toHaveLength(62);
    await world.expectSound();
  });

  it("a commit that arrives late, after its request was given up, changes nothing", async () => {
    const late: (() => Promise<unknown>)[] = [];
    const delayed = (run: () => Promise<unknown>) => {
      late.push(run);
      return Promise.reject(unknown());
    };
    const { world, node } = await faulty(Array.from({ length: 8 }, () => delayed));
    await expect(withClock(world, assignOne(node, "net.a"))).rejects.toMatchObject({ code: "IPAM_OUTCOME_UNKNOWN" });
    await withClock(world, node.release({ handleId: "net.a" }));
    await world.expectSound();
    const before = await world.keys();
    for (const run of late) await run().catch(() => {});
    // Without transactions the late write is the creation of a handle, which nothing can forbid: recover() takes it away.
    const after = (await world.keys()).filter((key) => transactions || key !== handleKey("net.a"));
    expect(after).toEqual(before);
  });
});
