import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { Ipam } from "../../src/index.ts";
import type { Interceptor } from "../support/intercepted-store.ts";
import { assignOne, pool, World } from "../support/world.ts";

/** Something a node does, that may be cut after any of its writes. */
interface Scenario {
  readonly name: string;
  /** How many writes it takes: that many times, and once before the first, it is cut. */
  readonly writes: { readonly transactions: number; readonly singles: number };
  /** What was there before, made by nodes that do not crash. */
  readonly prepare: (world: World) => Promise<void>;
  readonly run: (ipam: Ipam, world: World) => Promise<unknown>;
}

const BLOCK = parsePrefix("10.0.0.0/30");
const HANDLE = "net.crash";
const both = [{ family: 4, count: 6 }, { family: 6 }] as const;

const SCENARIOS: readonly Scenario[] = [
  {
    name: "a claim for the first address",
    // affinity, block, affinity · handle, block
    writes: { transactions: 1, singles: 5 },
    prepare: async () => {},
    run: (ipam) => assignOne(ipam, HANDLE),
  },
  {
    name: "an address of a block it has",
    writes: { transactions: 1, singles: 2 },
    prepare: async (world) => void (await assignOne(world.node("node1"), "net.before")),
    run: (ipam) => assignOne(ipam, HANDLE),
  },
  {
    name: "addresses of two families over three blocks",
    // three claims · handle, three blocks
    writes: { transactions: 1, singles: 13 },
    prepare: async () => {},
    run: (ipam) => ipam.autoAssign({ handleId: HANDLE, wants: both }),
  },
  {
    name: "a borrowed address",
    writes: { transactions: 1, singles: 2 },
    prepare: async (world) => {
      for (const name of ["node2", "node3", "node4", "node5"]) await assignOne(world.node(name), `net.${name}`);
    },
    run: (ipam) => assignOne(ipam, HANDLE),
  },
  {
    name: "an address of a block taken from another node",
    // its affinity, block, its affinity · affinity, block, affinity · handle, block
    writes: { transactions: 1, singles: 8 },
    prepare: async (world) => {
      for (const name of ["node2", "node3", "node4", "node5"]) await world.node(name).ensureBlock({ family: 4 });
      world.clock.advance(61_000);
    },
    run: (ipam) => assignOne(ipam, HANDLE),
  },
  {
    name: "an address with the caller's own write",
    writes: { transactions: 1, singles: 3 },
    prepare: async (world) => void (await assignOne(world.node("node1"), "net.before")),
    run: (ipam) =>
      ipam.autoAssign({
        handleId: HANDLE,
        wants: [{ family: 4 }],
        extra: () => ({ operations: [{ put: "/endpoint", value: "here" }] }),
      }),
  },
  {
    name: "a certain address",
    writes: { transactions: 1, singles: 5 },
    prepare: async () => {},
    run: (ipam) => ipam.assignIp({ handleId: HANDLE, address: parseAddress("10.0.0.5") }),
  },
  {
    name: "the release of a handle over three blocks",
    // three blocks, handle
    writes: { transactions: 1, singles: 4 },
    prepare: async (world) => void (await world.node("node1").autoAssign({ handleId: HANDLE, wants: both })),
    run: (ipam) => ipam.release({ handleId: HANDLE }),
  },
  {
    name: "the release of one of two addresses",
    writes: { transactions: 1, singles: 2 },
    prepare: async (world) => {
      await world.node("node1").assignIp({ handleId: HANDLE, address: parseAddress("10.0.0.5") });
      await world.node("node1").assignIp({ handleId: HANDLE, address: parseAddress("10.0.0.6") });
    },
    run: (ipam) => ipam.release({ addresses: [{ address: parseAddress("10.0.0.5"), handleId: HANDLE }] }),
  },
  {
    name: "the last address of a block that is nobody's",
    writes: { transactions: 1, singles: 2 },
    prepare: async (world) => {
      await world.node("node1").assignIp({ handleId: HANDLE, address: parseAddress("10.0.0.1") });
      await world.node("node1").releaseAffinity(BLOCK);
    },
    run: (ipam) => ipam.release({ handleId: HANDLE }),
  },
  {
    name: "the end of an affinity to an empty block",
    writes: { transactions: 1, singles: 3 },
    prepare: async (world) => void (await world.node("node1").claimAffinity(BLOCK)),
    run: (ipam) => ipam.releaseAffinity(BLOCK),
  },
  {
    name: "the end of an affinity to a block in use",
    writes: { transactions: 1, singles: 3 },
    prepare: async (world) => {
      await world.node("node1").assignIp({ handleId: "net.stays", address: parseAddress("10.0.0.1") });
    },
    run: (ipam) => ipam.releaseAffinity(BLOCK),
  },
  {
    name: "a block claimed ahead",
    writes: { transactions: 1, singles: 3 },
    prepare: async () => {},
    run: (ipam) => ipam.ensureBlock({ family: 4 }),
  },
];

/** Lets `writes` writes happen, and then nothing more, for ever: the node is dead, and what it asked is not answered. */
function dyingAfter(writes: number): { readonly intercept: Interceptor; readonly death: Promise<void> } {
  let left = writes;
  let die: () => void = () => {};
  const death = new Promise<void>((resolve) => {
    die = resolve;
  });
  const intercept: Interceptor = async (call, run) => {
    if (call.isWrite && left === 0) {
      die();
      return new Promise<never>(() => {});
    }
    if (call.isWrite) left -= 1;
    return run();
  };
  return { intercept, death };
}

async function prepare(scenario: Scenario, transactions: boolean): Promise<World> {
  const pools = [pool("four", "10.0.0.0/28", 30), pool("six", "fd00::/64", 122)];
  const world = new World({ transactions, pools });
  await scenario.prepare(world);
  await world.expectSound();
  return world;
}

/** The world after a crash with `writes` writes done, and before anybody has mended it. */
async function crash(scenario: Scenario, transactions: boolean, writes: number): Promise<World> {
  const world = await prepare(scenario, transactions);
  const { intercept, death } = dyingAfter(writes);
  const outcome = await Promise.race([
    scenario.run(world.node("node1", intercept), world).then(() => "done"),
    death.then(() => "dead"),
  ]);
  expect(outcome).toBe("dead");
  return world;
}

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

const CUTS = MODES.flatMap(({ mode, transactions }) =>
  SCENARIOS.flatMap((scenario) => {
    const writes = transactions ? scenario.writes.transactions : scenario.writes.singles;
    return Array.from({ length: writes }, (_, cut) => ({
      mode,
      transactions,
      scenario,
      name: scenario.name,
      cut,
      writes,
    }));
  }),
);

const nobodyLives = { isLive: () => false, reclaimDeadAfterMs: 0 };

describe.each(MODES)("the writes $mode of", ({ transactions }) => {
  it.each(SCENARIOS)("$name are as many as the table says", async (scenario) => {
    const world = await prepare(scenario, transactions);
    world.calls.splice(0);
    await scenario.run(world.node("node1"), world);
    const expected = transactions ? scenario.writes.transactions : scenario.writes.singles;
    expect(world.calls.filter(({ isWrite }) => isWrite)).toHaveLength(expected);
    await world.expectSound();
  });
});

describe("after a crash", () => {
  it.each(CUTS)("$mode in $name, with $cut of $writes writes done: recovery leaves nothing half done", async (cut) => {
    const world = await crash(cut.scenario, cut.transactions, cut.cut);
    await world.node("node1").recover({ scanHandles: true });
    for (const name of ["node2", "node3", "node4", "node5"]) await world.node(name).recover();
    await world.expectSound();
  });

  it.each(CUTS)("$mode in $name, with $cut of $writes writes done: the same again succeeds", async (cut) => {
    const world = await crash(cut.scenario, cut.transactions, cut.cut);
    await cut.scenario.run(world.node("node1"), world);
    for (const name of ["node2", "node3", "node4", "node5"]) await world.node(name).recover();
    await world.expectSound();
  });

  it.each(CUTS)("$mode in $name, with $cut of $writes writes done: a release leaves nothing of it", async (cut) => {
    const world = await crash(cut.scenario, cut.transactions, cut.cut);
    await world.node("node1").release({ handleId: HANDLE });
    expect(await world.handle(HANDLE)).toBeUndefined();
    for (const name of ["node1", "node2", "node3", "node4", "node5"]) await world.node(name).recover();
    await world.expectSound();
    expect((await world.keys("/calico/ipam/v2/handle/")).some((key) => key.endsWith(HANDLE))).toBe(false);
  });

  it.each(CUTS)("$mode in $name, with $cut of $writes writes done: what nobody owns any more is freed", async (cut) => {
    const world = await crash(cut.scenario, cut.transactions, cut.cut);
    for (const name of ["node1", "node2", "node3", "node4", "node5"]) await world.node(name).recover(nobodyLives);
    expect(await world.keys("/calico/ipam/v2/handle/")).toEqual([]);
    await world.expectSound();
  });
});
