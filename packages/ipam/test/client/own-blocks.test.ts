import { type AllocationBlock, blockKey } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { expect, it } from "vitest";
import { assign, createBlock, ordinalsOf, release } from "../../src/block/index.ts";
import { OwnBlocks } from "../../src/client/own-blocks.ts";

const PREFIXES = ["10.0.0.0/30", "10.0.0.4/30", "9.0.0.0/30", "fd00::/126"].map((text) => parsePrefix(text));
const HANDLES = ["a", "b", "c"];

/** What is done to one of the blocks. */
const steps = fc.array(
  fc.record({
    at: fc.nat(PREFIXES.length - 1),
    act: fc.constantFrom("give", "give", "release", "cool", "forget", "clear"),
    handle: fc.constantFrom(...HANDLES),
  }),
  { maxLength: 60 },
);

it("finds at every step what a look at all blocks finds", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const own = new OwnBlocks();
      const blocks = new Map<string, AllocationBlock>();
      for (const { at, act, handle } of all) {
        const prefix = PREFIXES[at] ?? parsePrefix("10.0.0.0/30");
        const key = blockKey(prefix);
        const owner = { type: "host", name: "node1" } as const;
        const block = blocks.get(key) ?? createBlock({ prefix, owner, now: 0, sequenceNumber: 1n });
        if (act === "clear") {
          own.clear();
          blocks.clear();
        } else if (act === "forget") {
          own.delete(key);
          blocks.delete(key);
        } else {
          const next = changed(block, act, handle);
          own.add(key, next);
          blocks.set(key, next);
        }
        expectSame(own, blocks);
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

function changed(block: AllocationBlock, act: string, handleId: string): AllocationBlock {
  if (act === "give") return assign(block, { handleId, attributes: {} }, 1).block;
  const targets = ordinalsOf(block, handleId).map((ordinal) => ({ ordinal }));
  const outcome = release(block, targets, act === "cool" ? "2026-01-01T00:00:00Z" : undefined);
  if (outcome.kind !== "released") throw new Error(outcome.kind);
  return outcome.block;
}

function expectSame(own: OwnBlocks, blocks: ReadonlyMap<string, AllocationBlock>): void {
  const keys = (wanted: (block: AllocationBlock) => boolean) =>
    [...blocks].flatMap(([key, block]) => (wanted(block) ? [key] : [])).sort();
  for (const family of [4, 6] as const) {
    expect(own.all(family)).toEqual(keys(({ prefix }) => prefix.family === family));
    const hasRoom = ({ prefix, unallocated, attributes }: AllocationBlock) =>
      prefix.family === family && (unallocated.length > 0 || attributes?.some((one) => one.releasedAt !== undefined));
    expect(own.withRoom(family)).toEqual(keys((block) => hasRoom(block) === true));
  }
  for (const handle of HANDLES) {
    expect([...own.holding(handle)].sort()).toEqual(keys((block) => ordinalsOf(block, handle).length > 0));
  }
  expect(own.size).toBe(blocks.size);
  for (const prefix of PREFIXES) expect(own.has(blockKey(prefix))).toBe(blocks.has(blockKey(prefix)));
}
