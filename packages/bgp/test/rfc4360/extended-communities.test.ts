import { describe, expect, it } from "vitest";
import { formatAttributes } from "../../src/index.ts";
import { decodeBody, updateBody } from "../support/bytes.ts";

const BASE = "40 01 01 00 40 02 06 02 01 0000fc01 40 03 04 0a000001 40 05 04 00000064";

function shown(community: string): string | undefined {
  const update = decodeBody(updateBody("", `${BASE} c0 10 08 ${community}`, "18 0a0102"));
  const attributes = update.announced[0]?.attributes;
  return attributes && formatAttributes(attributes).find((line) => line.startsWith("EXTENDED"));
}

describe("RFC 4360 §2: a community of eight bytes", () => {
  it.each([
    ["§3.1 a two-octet AS", "00 02 fc00 00000064", "rt:64512:100"],
    ["§3.2 an IPv4 address", "01 03 0a000001 0007", "ro:10.0.0.1:7"],
    ["RFC 5668 §2 a four-octet AS", "02 02 00010000 0001", "rt:65536:1"],
    ["anything else is its number", "43 00 000000000001", "generic:0x4300000000000001"],
  ])("%s", (_what, bytes, text) => {
    expect(shown(bytes)).toBe(`EXTENDED_COMMUNITIES: ${text}`);
  });
});
