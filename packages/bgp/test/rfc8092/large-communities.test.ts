import { describe, expect, it } from "vitest";
import { formatAttributes } from "../../src/index.ts";
import { decodeBody, updateBody } from "../support/bytes.ts";

const BASE = "40 01 01 00 40 02 06 02 01 0000fc01 40 03 04 0a000001 40 05 04 00000064";

function attributesOf(large: string) {
  return decodeBody(updateBody("", `${BASE} ${large}`, "18 0a0102")).announced[0]?.attributes;
}

describe("RFC 8092 §3: the attribute", () => {
  it("is code 32, three numbers of 32 bits each", () => {
    const two = attributesOf("c0 20 18 0000fc00 00000001 ffffffff 00010000 00000000 00000007");
    expect(two?.largeCommunities).toEqual([
      [64512, 1, 0xffff_ffff],
      [65536, 0, 7],
    ]);
  });

  it("§4.1: is written with colons, without leading zeroes", () => {
    const one = attributesOf("c0 20 0c 0000fc00 00000001 00000002");
    expect(one && formatAttributes(one)).toContain("LARGE_COMMUNITIES: 64512:1:2");
  });
});
