import { describe, expect, it } from "vitest";
import { asPathLength, formatAsPath, neighbourAs, prependAs } from "../../src/wire/attributes/as-path.ts";
import { formatAttributes } from "../../src/wire/attributes/encode.ts";
import type { AsPath } from "../../src/wire/attributes/types.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { fits, packAnnouncements } from "../../src/wire/pack.ts";
import { decodeBody, decodeUpdateBytes, toHex, updateBody } from "../support/bytes.ts";
import { address4, route } from "../support/lab.ts";

const GOOD = "400101004002004003040a000001400504 00000064";

describe("RFC 4271 §5 and §9: unknown attributes", () => {
  it("optional transitive ones are kept, marked partial, and passed on", () => {
    const update = decodeBody(updateBody("", `${GOOD} c0 63 03 010203`, "18 0a0102"));
    const [announcement] = update.announced;
    expect(announcement?.attributes.unknown).toEqual([{ code: 0x63, flags: 0xe0, value: Uint8Array.of(1, 2, 3) }]);
    const [bytes] = packAnnouncements(
      announcement?.attributes ?? never(),
      4,
      announcement?.prefixes ?? [],
      DEFAULT_CONTEXT,
    );
    expect(toHex(bytes ?? never())).toContain("e06303010203");
  });

  it("optional non-transitive ones are ignored", () => {
    const update = decodeBody(updateBody("", `${GOOD} 80 63 03 010203`, "18 0a0102"));
    expect(update.problems).toEqual([]);
    expect(update.announced[0]?.attributes.unknown).toBeUndefined();
  });

  it("are written in the order of their codes among the known ones", () => {
    const attributes = decodeBody(updateBody("", `${GOOD} c0 63 01 01 c0 0d 01 02`, "18 0a0102")).announced[0]
      ?.attributes;
    const [bytes] = packAnnouncements(attributes ?? never(), 4, [route("10.0.0.0/8").prefix], DEFAULT_CONTEXT);
    expect(toHex(bytes ?? never())).toMatch(/40050400000064e00d0102e0630101/);
  });
});

describe("RFC 4271 §5.1.2 AS_PATH", () => {
  const PATH: AsPath = [
    { type: "confed-sequence", asns: [65001] },
    { type: "sequence", asns: [64513, 4_200_000_000] },
    { type: "set", asns: [1, 2, 3] },
  ];

  it("is prepended to a leading sequence, else a new one is begun", () => {
    expect(formatAsPath(prependAs([], 64512))).toBe("64512");
    expect(formatAsPath(prependAs([{ type: "sequence", asns: [2] }], 1))).toBe("1 2");
    expect(prependAs([{ type: "set", asns: [2] }], 1)).toEqual([
      { type: "sequence", asns: [1] },
      { type: "set", asns: [2] },
    ]);
  });

  it("a sequence of 255 is full: a new one is begun before it", () => {
    const full: AsPath = [{ type: "sequence", asns: Array.from({ length: 255 }, () => 7) }];
    expect(prependAs(full, 1)).toHaveLength(2);
    expect(asPathLength(prependAs(full, 1))).toBe(256);
  });

  it("counts a set once and confederation segments not at all", () => {
    expect(asPathLength(PATH)).toBe(3);
    expect(neighbourAs(PATH)).toBe(64513);
    expect(formatAsPath(PATH)).toBe("(65001) 64513 4200000000 {1 2 3}");
  });
});

describe("RFC 4271 §9.2: attributes that leave no room for a prefix", () => {
  it("are not announced", () => {
    const attributes = { origin: 0 as const, asPath: [], nextHop: address4("10.0.0.1") };
    const communities = (count: number) => ({
      ...attributes,
      communities: Array.from({ length: count }, (_, index) => index),
    });
    expect(fits(communities(1000), 4, DEFAULT_CONTEXT)).toBe(true);
    expect(fits(communities(1020), 4, DEFAULT_CONTEXT)).toBe(false);
    const [bytes] = packAnnouncements(communities(1000), 4, [route("10.0.0.1/32").prefix], DEFAULT_CONTEXT);
    expect(decodeUpdateBytes(bytes ?? never()).announced[0]?.attributes.communities).toHaveLength(1000);
  });
});

describe("for people", () => {
  it("each attribute is shown by its name in the RFC", () => {
    expect(
      formatAttributes({
        origin: 2,
        asPath: [{ type: "sequence", asns: [64513] }],
        nextHop: address4("10.0.0.1"),
        med: 5,
        localPref: 100,
        atomicAggregate: true,
        aggregator: { as: 64513, address: address4("10.0.0.9") },
        communities: [0xffff_ff01, 0xfc00_0064],
        originatorId: address4("10.0.0.3"),
        clusterList: [address4("10.0.0.4")],
        unknown: [{ code: 99, flags: 0xe0, value: new Uint8Array(3) }],
      }),
    ).toEqual([
      "ORIGIN: INCOMPLETE",
      "AS_PATH: 64513",
      "MULTI_EXIT_DISC: 5",
      "LOCAL_PREF: 100",
      "ATOMIC_AGGREGATE: set",
      "AGGREGATOR: AS64513 10.0.0.9",
      "COMMUNITIES: no-export 64512:100",
      "ORIGINATOR_ID: 10.0.0.3",
      "CLUSTER_LIST: 10.0.0.4",
      "attribute 99: 3 bytes",
    ]);
  });
});

function never(): never {
  throw new Error("missing");
}
