import { describe, expect, it } from "vitest";
import { keyRange, rangeContains, rangeIdentity, rangeIsEmpty } from "../../../src/server/storage/key-range.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");
const inside = (key: string, end: string, asked: string) =>
  rangeContains(keyRange(bytes(key), bytes(end)), bytes(asked));

describe("a key range", () => {
  it.each([
    ["one key, without an end", "b", "", ["b"]],
    ["up to, not including, its end", "b", "c", ["b", "b\0", "b/1"]],
    ["everything from a key on, where the end is one zero byte", "b", "\0", ["b", "b\0", "b/1", "c", "\xff"]],
    ["nothing, where the end is not above the key", "b", "b", []],
    ["everything, from zero to zero", "\0", "\0", ["\0", "a", "b", "b\0", "b/1", "c", "\xff"]],
  ])("holds %s", (_what, key, end, expected) => {
    const asked = ["\0", "a", "b", "b\0", "b/1", "c", "\xff"];
    expect(asked.filter((one) => inside(key, end, one))).toEqual(expected);
  });

  it("is empty only if its end is not above its start", () => {
    const empty = (key: string, end: string) => rangeIsEmpty(keyRange(bytes(key), bytes(end)));
    expect([empty("b", "a"), empty("b", "b"), empty("b", "b\0"), empty("b", ""), empty("b", "\0")]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("has an identity of its own for every pair of bounds", () => {
    const pairs = ["", "\0", "a", "ab", "b", ":", "1:"].flatMap((key, _, all) => all.map((end) => [key, end] as const));
    const identities = new Set(pairs.map(([key, end]) => rangeIdentity(keyRange(bytes(key), bytes(end)))));
    expect(identities.size).toBe(pairs.length);
  });
});
