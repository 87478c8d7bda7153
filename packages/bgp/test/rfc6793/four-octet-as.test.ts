import { describe, expect, it } from "vitest";
import { formatAsPath, mergeAs4Path } from "../../src/wire/attributes/as-path.ts";
import type { AsPath } from "../../src/wire/attributes/types.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { encodeControl } from "../../src/wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { packAnnouncements } from "../../src/wire/pack.ts";
import { decodeBody, decodeOne, toHex, updateBody } from "../support/bytes.ts";
import { address4, route } from "../support/lab.ts";
import { openOf } from "../support/session.ts";

const OLD: CodecContext = { ...DEFAULT_CONTEXT, as4: false };
const sequence = (...asns: number[]): AsPath => [{ type: "sequence", asns }];

describe("RFC 6793", () => {
  it("§4.1: an AS beyond two octets stands as AS_TRANS in OPEN, and in full in the capability", () => {
    const open = openOf({ as: 4_200_000_001, capabilities: { ...NO_CAPABILITIES, as4: 4_200_000_001 } });
    const bytes = encodeControl(open);
    expect(toHex(bytes.subarray(20, 22))).toBe("5ba0");
    expect(decodeOne(bytes)).toMatchObject({ as: 4_200_000_001 });
  });

  it("§4.2.2: towards a two-octet speaker the true path goes along in AS4_PATH, only where it is needed", () => {
    const attributes = { origin: 0 as const, asPath: sequence(64513, 4_200_000_000), nextHop: address4("10.0.0.1") };
    const prefix = route("10.1.0.0/16").prefix;
    const pack = (path: AsPath) =>
      toHex(packAnnouncements({ ...attributes, asPath: path }, 4, [prefix], OLD)[0] ?? new Uint8Array(0));
    expect(pack(sequence(64513, 4_200_000_000))).toContain("400206 0202fc015ba0".replace(" ", ""));
    expect(pack(sequence(64513, 4_200_000_000))).toContain("c0110a02020000fc01fa56ea00");
    expect(pack(sequence(64513))).not.toContain("c011");
  });

  it.each([
    ["the same length: AS4_PATH", sequence(64513, 23456), sequence(64513, 4_200_000_000), "64513 4200000000"],
    [
      "longer by speakers that do not know it: they stay in front",
      sequence(1, 2, 23456, 3),
      sequence(4_200_000_000, 3),
      "1 2 4200000000 3",
    ],
    ["shorter than AS4_PATH: AS4_PATH is ignored", sequence(1), sequence(4_200_000_000, 3), "1"],
    [
      "a set counts one",
      [
        { type: "sequence", asns: [1] },
        { type: "set", asns: [23456, 5] },
      ],
      [{ type: "set", asns: [4_200_000_000, 5] }],
      "1 {4200000000 5}",
    ],
  ] as const)("§4.2.3: %s", (_what, path, as4Path, expected) => {
    expect(formatAsPath(mergeAs4Path(path, as4Path))).toBe(expected);
  });

  it("§4.2.3: an AGGREGATOR that is not AS_TRANS makes both AS4 attributes out of date", () => {
    const attributes = (aggregator: string) =>
      `40010100 400206 0202 fc01 5ba0 400304 0a000001 400504 00000064 c00706 ${aggregator} 0a000009 c0110a 0202 0000fc01 fa56ea00 c01208 fa56ea00 0a000009`;
    const decode = (aggregator: string) =>
      decodeBody(updateBody("", attributes(aggregator), "18 0a0102"), OLD).announced[0]?.attributes;
    expect(decode("5ba0")).toMatchObject({ asPath: sequence(64513, 4_200_000_000), aggregator: { as: 4_200_000_000 } });
    expect(decode("fc02")).toMatchObject({ asPath: sequence(64513, 23456), aggregator: { as: 64514 } });
  });

  it("§3: between four-octet speakers AS4_PATH is ignored", () => {
    const attributes = "40010100 400206 0201 0000fc01 400304 0a000001 400504 00000064 c01106 0201 00000007";
    const update = decodeBody(updateBody("", attributes, "18 0a0102"));
    expect(update.announced[0]?.attributes.asPath).toEqual(sequence(64513));
    expect(update.announced[0]?.attributes).not.toHaveProperty("as4Path");
  });
});
