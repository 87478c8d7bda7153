import { type AllocationBlock, decodeBlock, encodeBlock } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assign,
  assignOrdinal,
  attributeOf,
  checkBlock,
  createBlock,
  isEmpty,
  nextVersion,
  reclaimCooled,
  release,
  releaseHandle,
} from "../../src/block/index.ts";

/** What a block should be, said as simply as possible: who holds what, in which order the rest became free. */
interface Model {
  readonly holders: Map<number, { readonly handle: string; readonly sequence: bigint }>;
  readonly cooling: Map<number, number>;
  free: number[];
  sequence: bigint;
}

type Command = (block: AllocationBlock, model: Model, now: number) => AllocationBlock;

const SIZE = 8;
const RESERVED = 5;
const COOLDOWN = 30;
const handle = fc.constantFrom("net.a", "net.b", "net.c");
const ordinal = fc.nat({ max: SIZE - 1 });
const owner = (handleId: string, node: string) => ({ handleId, attributes: { node } });

const giveSome = fc.record({
  handle,
  count: fc.nat({ max: 4 }),
  node: fc.constantFrom("n1", "n2"),
  reserve: fc.boolean(),
});
const give = giveSome.map(
  ({ handle: id, count, node, reserve }): Command =>
    (block, model) => {
      const isReserved = reserve ? (candidate: number) => candidate === RESERVED : undefined;
      const expected = model.free.filter((candidate) => isReserved?.(candidate) !== true).slice(0, count);
      const result = assign(block, owner(id, node), count, isReserved);
      expect(result.ordinals).toEqual(expected);
      for (const taken of expected) model.holders.set(taken, { handle: id, sequence: model.sequence });
      model.free = model.free.filter((candidate) => !expected.includes(candidate));
      return result.block;
    },
);

const giveOne = fc.record({ handle, ordinal }).map(
  ({ handle: id, ordinal: wanted }): Command =>
    (block, model) => {
      const result = assignOrdinal(block, owner(id, "n1"), wanted);
      expect(result !== undefined).toBe(model.free.includes(wanted));
      if (result === undefined) return block;
      model.holders.set(wanted, { handle: id, sequence: model.sequence });
      model.free = model.free.filter((candidate) => candidate !== wanted);
      return result;
    },
);

function backTo(model: Model, now: number, cool: boolean, ordinals: readonly number[]): void {
  for (const back of ordinals) {
    model.holders.delete(back);
    if (cool) model.cooling.set(back, now);
    else model.free.push(back);
  }
}

const takeBack = fc
  .record({ ordinals: fc.uniqueArray(ordinal), handle: fc.option(handle), stale: fc.boolean(), cool: fc.boolean() })
  .map(
    (given): Command =>
      (block, model, now) => {
        const targets = given.ordinals.map((wanted) => ({
          ordinal: wanted,
          handleId: given.handle ?? undefined,
          sequence: given.stale ? 1n : undefined,
        }));
        const held = given.ordinals.filter((wanted) => model.holders.has(wanted));
        const allowed = held.every(
          (wanted) => !given.stale && (given.handle === null || model.holders.get(wanted)?.handle === given.handle),
        );
        const outcome = release(block, targets, given.cool ? new Date(now).toISOString() : undefined);
        expect(outcome.kind === "released").toBe(allowed);
        if (outcome.kind !== "released") return block;
        expect(outcome.released.map((entry) => entry.ordinal)).toEqual(held);
        expect(outcome.absent).toEqual(given.ordinals.filter((wanted) => !held.includes(wanted)));
        backTo(model, now, given.cool, held);
        return outcome.block;
      },
  );

const takeBackHandle = fc.record({ handle, cool: fc.boolean() }).map(({ handle: id, cool }): Command => {
  return (block, model, now) => {
    const held = [...model.holders].filter(([, holder]) => holder.handle === id).map(([held]) => held);
    const outcome = releaseHandle(block, id, cool ? new Date(now).toISOString() : undefined);
    if (outcome.kind !== "released") throw new Error(outcome.kind);
    backTo(
      model,
      now,
      cool,
      held.sort((a, b) => a - b),
    );
    return outcome.block;
  };
});

const reclaim = fc.constant<Command>((block, model, now) => {
  const due = [...model.cooling].filter(([, since]) => since + COOLDOWN * 1000 <= now).map(([due]) => due);
  for (const ready of due.sort((a, b) => a - b)) {
    model.cooling.delete(ready);
    model.free.push(ready);
  }
  return reclaimCooled(block, now, COOLDOWN);
});

function expectSame(block: AllocationBlock, model: Model): void {
  expect(checkBlock(block)).toEqual([]);
  expect(block.unallocated).toEqual(model.free);
  for (let index = 0; index < SIZE; index++) {
    const holder = model.holders.get(index);
    expect(attributeOf(block, index)?.handleId).toBe(holder?.handle);
    if (holder !== undefined) expect(block.sequenceNumberForAllocation.get(index)).toBe(holder.sequence);
  }
  expect(isEmpty(block)).toBe(model.holders.size === 0 && model.cooling.size === 0);
  expect(decodeBlock("", encodeBlock(block))).toEqual(block);
}

describe("the block algebra", () => {
  it("does what a simple model does, in any order of operations", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(give, giveOne, takeBack, takeBackHandle, reclaim), { maxLength: 40 }),
        (commands) => {
          let now = Date.UTC(2026, 0, 1);
          let block = createBlock({
            prefix: parsePrefix("10.0.0.0/29"),
            owner: { type: "host", name: "n1" },
            now,
            sequenceNumber: 2n ** 60n,
          });
          const model: Model = {
            holders: new Map(),
            cooling: new Map(),
            free: [...Array(SIZE).keys()],
            sequence: 2n ** 60n,
          };
          for (const command of commands) {
            block = nextVersion(command(block, model, now));
            model.sequence += 1n;
            now += 7_000;
            expectSame(block, model);
          }
        },
      ),
      { numRuns: 500, seed: 20261121 },
    );
  });
});
