import { AllocationAttribute, type AllocationBlock, decodeBlock, encodeBlock, type Owner } from "@ocicat/api/ipam";
import { seededRandom } from "@ocicat/kit";
import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  addressOf,
  assign,
  assignOrdinal,
  checkBlock,
  clearAffinity,
  createBlock,
  firstSequenceNumber,
  freeCount,
  isEmpty,
  nextVersion,
  ordinalOf,
  ordinalsOf,
  reclaimCooled,
  release,
  releaseHandle,
} from "../../src/block/index.ts";

const NOW = Date.UTC(2026, 10, 21, 2, 19, 57, 63);

function emptyBlock(cidr = "10.0.0.0/29"): AllocationBlock {
  return createBlock({
    prefix: parsePrefix(cidr),
    owner: { type: "host", name: "node1" },
    now: NOW,
    sequenceNumber: 100n,
  });
}

const owner = (handleId: string, attributes: Owner["attributes"] = { node: "node1" }): Owner => ({
  handleId,
  attributes,
});

function give(block: AllocationBlock, handleId: string, count: number): AllocationBlock {
  return nextVersion(assign(block, owner(handleId), count).block);
}

function expectReleased(outcome: ReturnType<typeof release>): AllocationBlock {
  if (outcome.kind !== "released") throw new Error(`refused: ${outcome.kind}`);
  return outcome.block;
}

describe("a new block", () => {
  it("is written as Calico writes one: a claim time, null attributes, every ordinal free in order", () => {
    expect(encodeBlock(emptyBlock("10.0.0.0/30"))).toBe(
      '{"cidr":"10.0.0.0/30","affinity":"host:node1","affinity_claim_time":"2026-11-21T02:19:57Z",' +
        '"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,"sequenceNumber":100,' +
        '"sequenceNumberForAllocation":{},"deleted":false}',
    );
  });

  it("has [] for its attributes from the second write on", () => {
    expect(encodeBlock(nextVersion(emptyBlock("10.0.0.0/30")))).toContain('"attributes":[],"sequenceNumber":101,');
  });

  it.each([
    ["10.0.0.0/20", 4096],
    ["10.0.0.7/32", 1],
    ["fd00::/122", 64],
    ["fd00::/116", 4096],
    ["fd00::5/128", 1],
  ])("%s holds %i addresses, and gives every one once", (cidr, size) => {
    const block = give(emptyBlock(cidr), "net.a", size + 5);
    expect(ordinalsOf(block, "net.a")).toHaveLength(size);
    expect(block.unallocated).toEqual([]);
    expect(checkBlock(block)).toEqual([]);
    expect(decodeBlock("", encodeBlock(block))).toEqual(block);
  });

  it("begins its sequence with nanoseconds since 1970, unlike in two lives within a millisecond", () => {
    const random = seededRandom(1);
    const [first, second] = [firstSequenceNumber(NOW, random), firstSequenceNumber(NOW, random)];
    expect(first / 1_000_000n).toBe(BigInt(NOW));
    expect(first).not.toBe(second);
  });
});

describe("giving addresses", () => {
  it("takes them from the head of the free ones", () => {
    const first = assign(emptyBlock(), owner("net.a"), 2);
    expect(first.ordinals).toEqual([0, 1]);
    expect(assign(first.block, owner("net.b"), 1).ordinals).toEqual([2]);
  });

  it("gives the address that has been free longest, not the lowest", () => {
    const full = give(emptyBlock(), "net.a", 7);
    const back = expectReleased(release(full, [{ ordinal: 3 }, { ordinal: 0 }]));
    expect(back.unallocated).toEqual([7, 3, 0]);
    expect(assign(back, owner("net.b"), 3).ordinals).toEqual([7, 3, 0]);
  });

  it("passes over reserved addresses, which keep their place", () => {
    const reserved = (ordinal: number) => ordinal < 3;
    const { block, ordinals } = assign(emptyBlock(), owner("net.a"), 2, reserved);
    expect(ordinals).toEqual([3, 4]);
    expect(block.unallocated).toEqual([0, 1, 2, 5, 6, 7]);
    expect(freeCount(block, reserved)).toBe(3);
    expect(assign(block, owner("net.b"), 9, reserved).ordinals).toEqual([5, 6, 7]);
  });

  it("gives fewer, or none, when there are no more; and the same block then", () => {
    const full = give(emptyBlock(), "net.a", 8);
    expect(assign(full, owner("net.b"), 1)).toEqual({ block: full, ordinals: [] });
    expect(assign(emptyBlock(), owner("net.b"), 99).ordinals).toHaveLength(8);
  });

  it("marks an address with the sequence number of the block before the write", () => {
    const block = give(give(emptyBlock(), "net.a", 1), "net.b", 1);
    expect([...block.sequenceNumberForAllocation]).toEqual([
      [0, 100n],
      [1, 101n],
    ]);
    expect(block.sequenceNumber).toBe(102n);
  });

  it("shares one attribute among addresses with the same owner and attributes", () => {
    const block = give(give(give(emptyBlock(), "net.a", 2), "net.a", 1), "net.b", 1);
    expect(block.allocations.slice(0, 4)).toEqual([0, 0, 0, 1]);
    const other = assign(block, owner("net.a", { node: "node2" }), 1).block;
    expect(other.attributes).toHaveLength(3);
  });

  it("gives a certain address, and not one that is taken", () => {
    const block = assignOrdinal(emptyBlock(), owner("net.a"), 5);
    expect(block?.unallocated).toEqual([0, 1, 2, 3, 4, 6, 7]);
    expect(block && assignOrdinal(block, owner("net.b"), 5)).toBeUndefined();
    expect(block && assignOrdinal(block, owner("net.a"), 5)).toBeUndefined();
  });

  it("never gives an address that somebody holds, even if a damaged block calls it free, or free twice", () => {
    const block = give(emptyBlock(), "net.a", 1);
    const damaged = { ...block, unallocated: [0, 1, 1, ...block.unallocated.slice(1)] };
    const { ordinals, block: after } = assign(damaged, owner("net.b"), 2);
    expect(ordinals).toEqual([1, 2]);
    expect(checkBlock(nextVersion(after))).toEqual([]);
  });
});

describe("giving addresses back", () => {
  const block = give(give(emptyBlock(), "net.a", 2), "net.b", 1);

  it("frees them, forgets their sequence numbers, and renumbers the attributes that are left", () => {
    const after = expectReleased(release(block, [{ ordinal: 0 }, { ordinal: 1 }]));
    expect(after.allocations.slice(0, 3)).toEqual([null, null, 0]);
    expect(after.attributes?.map(({ handleId }) => handleId)).toEqual(["net.b"]);
    expect([...after.sequenceNumberForAllocation.keys()]).toEqual([2]);
    expect(checkBlock(after)).toEqual([]);
  });

  it("says who held them, and which were free already", () => {
    expect(release(block, [{ ordinal: 2 }, { ordinal: 6 }])).toMatchObject({
      kind: "released",
      released: [{ ordinal: 2, handleId: "net.b" }],
      absent: [6],
    });
  });

  it("named twice counts once", () => {
    const after = expectReleased(release(block, [{ ordinal: 0 }, { ordinal: 0 }]));
    expect(after.unallocated.filter((ordinal) => ordinal === 0)).toHaveLength(1);
  });

  it("refuses all of them if one has another holder or sequence number by now", () => {
    expect(release(block, [{ ordinal: 0 }, { ordinal: 2, handleId: "net.a" }])).toEqual({
      kind: "wrong-handle",
      ordinal: 2,
      expected: "net.a",
      found: "net.b",
    });
    expect(release(block, [{ ordinal: 0, sequence: 99n }])).toEqual({
      kind: "wrong-sequence",
      ordinal: 0,
      expected: 99n,
      found: 100n,
    });
    expect(release(block, [{ ordinal: 0, sequence: 100n, handleId: "net.a" }]).kind).toBe("released");
  });

  it("takes a missing sequence number, of an old block, for 0", () => {
    const old = { ...block, sequenceNumberForAllocation: new Map() };
    expect(release(old, [{ ordinal: 0, sequence: 0n }]).kind).toBe("released");
  });

  it("finds all of a handle's, and nothing of another's whose id begins the same", () => {
    const mixed = give(block, "net.ab", 1);
    expect(ordinalsOf(expectReleased(releaseHandle(mixed, "net.a")), "net.ab")).toEqual([3]);
    expect(releaseHandle(mixed, "net.c")).toMatchObject({ kind: "released", released: [], block: mixed });
  });

  it("leaves an empty block when nobody is left", () => {
    expect(isEmpty(block)).toBe(false);
    const after = expectReleased(releaseHandle(expectReleased(releaseHandle(block, "net.a")), "net.b"));
    expect(isEmpty(after)).toBe(true);
    expect(after.attributes).toEqual([]);
  });
});

describe("an address that cools down", () => {
  const block = expectReleased(releaseHandle(give(emptyBlock(), "net.a", 2), "net.a", "2026-11-21T02:00:00Z"));
  const at = Date.parse("2026-11-21T02:00:00Z");

  it("is nobody's, not free, and keeps its block from being called empty", () => {
    expect(ordinalsOf(block, "net.a")).toEqual([]);
    expect(block.unallocated).not.toContain(0);
    expect(isEmpty(block)).toBe(false);
    expect(checkBlock(block)).toEqual([]);
  });

  it("is not released again", () => {
    expect(release(block, [{ ordinal: 0 }])).toMatchObject({ released: [], absent: [0] });
  });

  it("is free when its time is over, at the tail, and not before", () => {
    expect(reclaimCooled(block, at + 59_999, 60)).toBe(block);
    const after = reclaimCooled(block, at + 60_000, 60);
    expect(after.unallocated.slice(-2)).toEqual([0, 1]);
    expect(after.attributes).toEqual([]);
    expect(isEmpty(after)).toBe(true);
  });

  it("is free at once if nobody wants cooling, or if its time does not parse", () => {
    expect(isEmpty(reclaimCooled(block, at, 0))).toBe(true);
    const odd = { ...block, attributes: [AllocationAttribute.released("yesterday")] };
    expect(isEmpty(reclaimCooled(odd, at, 60))).toBe(true);
  });
});

describe("a block", () => {
  it("is empty although Windows reserves addresses of it", () => {
    expect(isEmpty(give(emptyBlock(), "Windows-Reserved-IPAM-Handle", 3))).toBe(true);
  });

  it("loses its owner and the time of the claim together", () => {
    expect(clearAffinity(emptyBlock())).toMatchObject({ affinity: null, affinityClaimTime: undefined });
    expect(encodeBlock(clearAffinity(emptyBlock()))).not.toContain("claim_time");
  });

  it("counts ordinals from its network address, in IPv6 too", () => {
    const block = emptyBlock("fd00:1::40/122");
    expect(ordinalOf(block, parseAddress("fd00:1::7f"))).toBe(63);
    expect(addressOf(block, 63)).toBe(parseAddress("fd00:1::7f"));
    expect(() => ordinalOf(block, parseAddress("fd00:1::80"))).toThrow(RangeError);
  });

  it("has a sequence number that wraps as an unsigned 64-bit integer does", () => {
    expect(nextVersion({ ...emptyBlock(), sequenceNumber: 2n ** 64n - 1n }).sequenceNumber).toBe(0n);
  });
});

describe("checkBlock names", () => {
  const sound = give(emptyBlock(), "net.a", 1);
  const stray = AllocationAttribute.ofOwner(owner("net.x"));

  it.each([
    ["nothing of a sound block", sound, []],
    ["an address that is lost", { ...sound, unallocated: [1, 2, 3, 4, 5, 6] }, ["lost-address"]],
    ["one both free and held", { ...sound, unallocated: [0, ...sound.unallocated] }, ["free-and-allocated"]],
    ["one that is free twice", { ...sound, unallocated: [1, ...sound.unallocated] }, ["free-twice"]],
    ["an allocation without attribute", { ...sound, attributes: [] }, ["no-attribute"]],
    [
      "an attribute without address",
      { ...sound, attributes: [...(sound.attributes ?? []), stray] },
      ["unused-attribute"],
    ],
    ["a sequence number from the future", { ...sound, sequenceNumber: 100n }, ["sequence-ahead"]],
  ])("%s", (_what, block, rules) => {
    expect(checkBlock(block).map(({ rule }) => rule)).toEqual(rules);
  });

  it("more attributes than addresses", () => {
    const attributes = Array.from({ length: 9 }, (_, index) => AllocationAttribute.ofOwner(owner(`net.${index}`)));
    expect(checkBlock({ ...sound, attributes }).map(({ rule }) => rule)).toContain("too-many-attributes");
  });
});
