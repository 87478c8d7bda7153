import { seededRandom } from "@ocicat/kit";
import { type Prefix, parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockCount, fnv1, reservedOrdinals, walkBlocks, walkStart } from "../../src/pool/index.ts";
import { pool } from "../support/world.ts";

const random = seededRandom(1);
const texts = (blocks: Iterable<Prefix>) => [...blocks].map(String);

describe("the walk over a pool's blocks", () => {
  it("is a full circle from where it starts", () => {
    expect(texts(walkBlocks(pool("p", "10.0.0.0/28", 30), 2n, []))).toEqual([
      "10.0.0.8/30",
      "10.0.0.12/30",
      "10.0.0.0/30",
      "10.0.0.4/30",
    ]);
  });

  it("leaves out blocks that are reserved whole, and keeps those reserved in part", () => {
    const reservations = [parsePrefix("10.0.0.4/30"), parsePrefix("10.0.0.8/31")];
    const walked = texts(walkBlocks(pool("p", "10.0.0.0/28", 30), 1n, reservations));
    expect(walked).toEqual(["10.0.0.8/30", "10.0.0.12/30", "10.0.0.0/30"]);
  });

  it("steps over a reservation of 2^58 IPv6 blocks at once", () => {
    const six = pool("p", "fd00::/63", 122);
    const walked = Iterator.from(walkBlocks(six, 5n, [parsePrefix("fd00::/64")])).take(2);
    expect(texts(walked)).toEqual(["fd00:0:0:1::/122", "fd00:0:0:1::40/122"]);
  });

  it("is empty where everything is reserved, or blocks would be larger than the pool", () => {
    expect(texts(walkBlocks(pool("p", "10.0.0.0/28", 30), 2n, [parsePrefix("10.0.0.0/8")]))).toEqual([]);
    expect(texts(walkBlocks(pool("p", "10.0.0.0/28", 26), 0n, []))).toEqual([]);
  });

  it("meets every block once, whatever the start and the reservations", () => {
    const blocks = Array.from({ length: 16 }, (_, index) => `10.0.0.${index * 4}/30`);
    fc.assert(
      fc.property(fc.nat({ max: 15 }), fc.uniqueArray(fc.constantFrom(...blocks)), (start, reserved) => {
        const reservations = reserved.map((cidr) => parsePrefix(cidr));
        const walked = texts(walkBlocks(pool("p", "10.0.0.0/26", 30), BigInt(start), reservations));
        expect(walked.toSorted()).toEqual(blocks.filter((cidr) => !reserved.includes(cidr)).toSorted());
      }),
      { seed: 1 },
    );
  });
});

describe("where a node starts", () => {
  it.each([
    // What a real Calico 3.32.1 stored, and what the walk-throughs show.
    ["node1", "10.244.0.0/16", "10.244.166.128/26"],
    ["node2", "10.244.0.0/16", "10.244.104.0/26"],
    ["controlplane", "192.168.0.0/16", "192.168.49.64/26"],
    ["node01", "192.168.0.0/16", "192.168.196.128/26"],
  ])("is where Calico's does: %s in %s at %s", (node, cidr, first) => {
    const four = pool("p", cidr, 26);
    const [block] = walkBlocks(four, walkStart(four, node, random), []);
    expect(`${block}`).toBe(first);
  });

  it("is always the same, and elsewhere for each, also for names that differ in the last character", () => {
    const four = pool("p", "10.244.0.0/16", 26);
    const names = Array.from({ length: 200 }, (_, index) => `node${index}`);
    const starts = names.map((name) => walkStart(four, name, random));
    expect(names.map((name) => walkStart(four, name, random))).toEqual(starts);
    // 200 of 1024 at random would meet about 18 times.
    expect(new Set(starts).size).toBeGreaterThan(170);
    for (const start of starts) expect(start < blockCount(four)).toBe(true);
  });

  it("reaches every part of a pool, also of one with 2^74 blocks", () => {
    const six = pool("p", "fd00::/48", 122);
    const quarters = Array.from(
      { length: 40 },
      (_, index) => (walkStart(six, `node${index}`, random) * 4n) / blockCount(six),
    );
    expect(new Set(quarters).size).toBe(4);
  });

  it("is anywhere in a pool of single addresses", () => {
    const ones = pool("p", "10.0.0.0/24", 32);
    expect(new Set(Array.from({ length: 20 }, () => walkStart(ones, "node1", random))).size).toBeGreaterThan(10);
  });

  it("comes from FNV-1 of the host name", () => {
    // The published test vectors.
    expect([fnv1(""), fnv1("a"), fnv1("foobar")]).toEqual([0x811c9dc5, 0x050c5d7e, 0x31f0b262]);
  });
});

describe("reserved ordinals of a block", () => {
  const reserved = (block: string, ...networks: string[]) => {
    const filter = reservedOrdinals(
      parsePrefix(block),
      networks.map((cidr) => parsePrefix(cidr)),
    );
    return filter && Array.from({ length: 8 }, (_, ordinal) => ordinal).filter((ordinal) => filter(ordinal));
  };

  it.each([
    ["10.0.0.0/29", [], undefined],
    ["10.0.0.0/29", ["10.0.1.0/24", "fd00::/8"], undefined],
    ["10.0.0.0/29", ["10.0.0.2/31", "10.0.0.7/32"], [2, 3, 7]],
    ["10.0.0.0/29", ["10.0.0.0/8"], [0, 1, 2, 3, 4, 5, 6, 7]],
    ["fd00::8/125", ["fd00::c/126"], [4, 5, 6, 7]],
  ])("%s with %j reserved: %j", (block, networks, expected) => {
    expect(reserved(block, ...networks)).toEqual(expected);
  });
});
