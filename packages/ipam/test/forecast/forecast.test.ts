import { encodeStored, readDocument, resourceKey } from "@ocicat/api";
import { encodeIpamConfig, IPAM_CONFIG_KEY } from "@ocicat/api/ipam";
import { describe, expect, it } from "vitest";
import { type ForecastOptions, forecastPools, readCensus, readPast } from "../../src/index.ts";
import { pool, World } from "../support/world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A pool of four blocks of 16 addresses. */
const SMALL = pool("small", "10.0.0.0/26", 28);

async function worldWithPool(spec: object = {}): Promise<World> {
  const world = new World({ transactions: true, pools: [SMALL] });
  const metadata = { name: "small" };
  const document = { apiVersion: "projectcalico.org/v3", kind: "IPPool", metadata };
  const resource = readDocument({ ...document, spec: { cidr: "10.0.0.0/26", blockSize: 28, ...spec } });
  await world.store.put(resourceKey("IPPool", "small"), encodeStored(resource));
  return world;
}

async function give(world: World, node: string, count: number, name: string): Promise<void> {
  await world.node(node).autoAssign({ handleId: `net.${name}`, wants: [{ family: 4, count }] });
}

async function forecast(world: World, options: Partial<ForecastOptions> = {}) {
  const census = await readCensus(world.store);
  const known = { now: world.clock.now(), windowMs: 7 * DAY, past: undefined, ...options };
  const [only] = forecastPools(census, known);
  if (only === undefined) throw new Error("there is no pool");
  return only;
}

async function past(world: World) {
  const census = await readCensus(world.store);
  return readPast(
    world.store,
    census.revision,
    census.blocks.map(({ value }) => value),
  );
}

describe("a forecast from what is held", () => {
  it("says no sooner than when, for it does not know what was released", async () => {
    const world = await worldWithPool();
    await give(world, "node1", 4, "a");
    world.clock.advance(2 * DAY);
    await give(world, "node1", 4, "b");
    const { addresses, free, held, notes } = await forecast(world);
    expect({ free, held }).toEqual({ free: 56n, held: 8 });
    // Both fours are within the two days of which anything is known; the first stands at their very beginning.
    expect(addresses).toEqual({ basis: "at-most", overMs: 2 * DAY, perDay: 2, daysLeft: 28 });
    expect(notes.join()).toContain("this long or longer");
  });

  it("counts the window only", async () => {
    const world = await worldWithPool();
    await give(world, "node1", 12, "a");
    world.clock.advance(10 * DAY);
    await give(world, "node1", 2, "b");
    expect((await forecast(world, { windowMs: DAY })).addresses).toMatchObject({ perDay: 2, overMs: DAY });
  });

  it("says that it cannot tell where nothing was given out, or only just now", async () => {
    const world = await worldWithPool();
    expect((await forecast(world)).addresses).toMatchObject({ basis: "none", perDay: undefined, daysLeft: undefined });
    await give(world, "node1", 3, "a");
    world.clock.advance(1000);
    const { addresses, notes } = await forecast(world);
    expect(addresses.basis).toBe("none");
    expect(notes.join()).toContain("too little is known");
  });

  it("does not count what is reserved as free, nor blocks that are reserved whole", async () => {
    const world = await worldWithPool();
    const reservation = readDocument({
      apiVersion: "projectcalico.org/v3",
      kind: "IPReservation",
      metadata: { name: "r" },
      spec: { reservedCIDRs: ["10.0.0.32/27", "10.0.0.48/28", "10.0.0.0"] },
    });
    await world.store.put(resourceKey("IPReservation", "r"), encodeStored(reservation));
    const { free, blocksFree } = await forecast(world);
    expect({ free, blocksFree }).toEqual({ free: 31n, blocksFree: 2n });
  });
});

describe("a forecast from what was", () => {
  it("is the growth between then and now, whatever was replaced in between", async () => {
    const world = await worldWithPool();
    await give(world, "node1", 8, "old");
    world.clock.advance(HOUR);
    await give(world, "node1", 1, "mark");
    const { revision } = await readCensus(world.store);
    await world.store.compact(revision);
    world.clock.advance(HOUR);
    // As many go as come, and two more.
    await world.node("node1").release({ handleId: "net.old" });
    await give(world, "node1", 10, "new");
    world.clock.advance(DAY);
    const then = await past(world);
    const { addresses } = await forecast(world, { past: then });
    expect(addresses).toMatchObject({ basis: "measured", overMs: DAY, perDay: 2 });
    expect(addresses.daysLeft).toBeCloseTo(26.5);
  });

  it("never runs out where use falls", async () => {
    const world = await worldWithPool();
    await give(world, "node1", 8, "old");
    const { revision } = await readCensus(world.store);
    await world.store.compact(revision);
    await world.node("node1").release({ handleId: "net.old" });
    await give(world, "node1", 2, "new");
    world.clock.advance(2 * DAY);
    const { addresses } = await forecast(world, { past: await past(world) });
    expect(addresses).toMatchObject({ basis: "measured", perDay: -3, daysLeft: undefined });
  });

  it("is not believed where it may have been any time", async () => {
    const world = await worldWithPool();
    await give(world, "node1", 8, "old");
    await world.store.compact((await readCensus(world.store)).revision);
    world.clock.advance(30 * DAY);
    await give(world, "node1", 1, "new");
    world.clock.advance(HOUR);
    const { addresses } = await forecast(world, { past: await past(world) });
    expect(addresses).toMatchObject({ basis: "at-most", overMs: 7 * DAY });
    expect(addresses.perDay).toBeCloseTo(1 / 7);
  });
});

describe("blocks", () => {
  it("run out before addresses do, and strict affinity makes that matter", async () => {
    const world = await worldWithPool();
    await give(world, "node1", 1, "a");
    world.clock.advance(DAY);
    await give(world, "node2", 1, "b");
    await give(world, "node3", 1, "c");
    const early = await forecast(world);
    expect(early).toMatchObject({ blocksFree: 1n, freeInClaimed: 45, blocks: { perDay: 2, daysLeft: 0.5 } });
    expect(early.notes.join()).toContain(
      "blocks run out before addresses: nodes then borrow, while 45 addresses are free",
    );
    await give(world, "node4", 1, "d");
    const config = { ...world.settings.config, strictAffinity: true, maxBlocksPerHost: 1 };
    await world.store.put(IPAM_CONFIG_KEY, encodeIpamConfig(config));
    const { blocks, notes } = await forecast(world);
    expect(blocks.daysLeft).toBe(0);
    expect(notes.join()).toContain("every block is claimed: a new node gets none, and 60 addresses are free");
    expect(notes.join()).toContain("which no other node may use (strictAffinity)");
    expect(notes.join()).toContain("host:node4 has its 1 blocks (maxBlocksPerHost), with 15 addresses free in them");
  });

  it("say so where the pool is disabled, and where nodes may not claim any", async () => {
    const world = await worldWithPool({ disabled: true });
    const config = { ...world.settings.config, strictAffinity: true, autoAllocateBlocks: false };
    await world.store.put(IPAM_CONFIG_KEY, encodeIpamConfig(config));
    const { notes } = await forecast(world);
    expect(notes.join()).toContain("small is disabled");
    expect(notes.join()).toContain("nodes may not claim blocks");
  });
});
