import { Prefix, parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Announcement, aggregated } from "../src/index.ts";

const POOLS = ["10.244.0.0/16", "10.98.0.0/25", "10.98.0.128/25"].map((text) => parsePrefix(text));
const poolOf = (prefix: Prefix) => POOLS.find((pool) => pool.covers(prefix));
const announcement = (prefix: Prefix): Announcement => ({ prefix, origin: { reason: "block", resources: [] } });

const told = (...blocks: string[]) =>
  [
    ...aggregated(
      blocks.map((text) => announcement(parsePrefix(text))),
      poolOf,
    ).keys(),
  ].sort();

describe("blocks side by side", () => {
  it("are announced as one, and those as one again", () => {
    expect(told("10.244.0.0/26", "10.244.0.64/26")).toEqual(["10.244.0.0/25"]);
    expect(told("10.244.0.0/26", "10.244.0.64/26", "10.244.0.128/26", "10.244.0.192/26")).toEqual(["10.244.0.0/24"]);
    expect(told("10.244.0.0/26", "10.244.0.64/26", "10.244.0.128/26")).toEqual(["10.244.0.0/25", "10.244.0.128/26"]);
  });

  it("that are no halves of one stay as they are", () => {
    expect(told("10.244.0.64/26", "10.244.0.128/26")).toEqual(["10.244.0.128/26", "10.244.0.64/26"]);
  });

  it("of two pools are not joined, nor more than a pool", () => {
    expect(told("10.98.0.0/25", "10.98.0.128/25")).toEqual(["10.98.0.0/25", "10.98.0.128/25"]);
    expect(told("10.98.0.0/26", "10.98.0.64/26", "10.98.0.128/26")).toEqual(["10.98.0.0/25", "10.98.0.128/26"]);
  });

  it("leave single addresses, and what lies in no pool, alone", () => {
    expect(told("10.244.7.2/32", "10.244.7.3/32")).toEqual(["10.244.7.2/32", "10.244.7.3/32"]);
    expect(told("192.168.0.0/25", "192.168.0.128/25")).toEqual(["192.168.0.0/25", "192.168.0.128/25"]);
  });

  it("never cover an address of a block that is another's, and leave none of their own out", () => {
    const owners = fc.array(fc.boolean(), { minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(owners, (isOurs) => {
        const blocks = isOurs.map((ours, index) => ({
          ours,
          prefix: Prefix.of(parsePrefix("10.244.0.0/16").nth(index * 64), 26),
        }));
        const all = aggregated(
          blocks.filter(({ ours }) => ours).map(({ prefix }) => announcement(prefix)),
          poolOf,
        );
        const covering = (prefix: Prefix) => [...all.values()].filter((one) => one.prefix.covers(prefix)).length;
        for (const { ours, prefix } of blocks) expect(covering(prefix)).toBe(ours ? 1 : 0);
      }),
    );
  });
});
