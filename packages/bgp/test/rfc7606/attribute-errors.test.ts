import { describe, expect, it } from "vitest";
import { ATTRIBUTES } from "../../src/wire/attributes/table.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { bgpError, decodeBody, toHex, updateBody } from "../support/bytes.ts";

const ORIGIN = "40 01 01 00";
const AS_PATH = "40 02 06 02 01 0000fc01";
const NEXT_HOP = "40 03 04 0a000001";
const LOCAL_PREF = "40 05 04 00000064";
const GOOD = `${ORIGIN} ${AS_PATH} ${NEXT_HOP} ${LOCAL_PREF}`;
const NLRI = "18 0a0102";
const EXTERNAL: CodecContext = { ...DEFAULT_CONTEXT, internal: false };

/** Replaces a good attribute by its code, or adds one. */
function withAttribute(bad: string): string {
  const code = bad.trim().slice(3, 5);
  const kept = [ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF].filter((good) => good.slice(3, 5) !== code);
  return [...kept, bad].join(" ");
}

function outcome(attributes: string, context: CodecContext = DEFAULT_CONTEXT): string {
  const update = decodeBody(updateBody("", attributes, NLRI), context);
  const treatments = update.problems.map(({ name, treatment }) => `${name} ${treatment}`).join(", ");
  const routes =
    update.announced.length > 0 ? "announced" : update.withdrawn.prefixes.length > 0 ? "withdrawn" : "nothing";
  return treatments === "" ? routes : `${routes}: ${treatments}`;
}

describe("RFC 7606 §7: a malformed attribute does to the route what its row says", () => {
  it("a good UPDATE is taken as it is", () => {
    expect(outcome(GOOD)).toBe("announced");
  });

  it.each([
    ["ORIGIN of two bytes", "40 01 02 0000", "withdrawn: ORIGIN withdraw"],
    ["ORIGIN of value 3", "40 01 01 03", "withdrawn: ORIGIN withdraw"],
    ["AS_PATH with an unknown segment type", "40 02 06 07 01 0000fc01", "withdrawn: AS_PATH withdraw"],
    ["AS_PATH with a segment beyond its end", "40 02 06 02 02 0000fc01", "withdrawn: AS_PATH withdraw"],
    ["AS_PATH with an empty segment", "40 02 02 02 00", "withdrawn: AS_PATH withdraw"],
    ["AS_PATH with half a segment header", "40 02 01 02", "withdrawn: AS_PATH withdraw"],
    ["AS_PATH with AS 0 (RFC 7607)", "40 02 06 02 01 00000000", "withdrawn: AS_PATH withdraw"],
    ["NEXT_HOP of three bytes", "40 03 03 0a0000", "withdrawn: NEXT_HOP withdraw"],
    ["MULTI_EXIT_DISC of two bytes", "80 04 02 0000", "withdrawn: MULTI_EXIT_DISC withdraw"],
    ["LOCAL_PREF of three bytes", "40 05 03 000064", "withdrawn: LOCAL_PREF withdraw"],
    ["ATOMIC_AGGREGATE of one byte", "40 06 01 00", "announced: ATOMIC_AGGREGATE discard"],
    ["AGGREGATOR of six bytes in a four-octet session", "c0 07 06 fc00 0a000001", "announced: AGGREGATOR discard"],
    ["AGGREGATOR with AS 0 (RFC 7607)", "c0 07 08 00000000 0a000001", "announced: AGGREGATOR discard"],
    ["COMMUNITIES of no bytes", "c0 08 00", "withdrawn: COMMUNITIES withdraw"],
    ["COMMUNITIES of five bytes", "c0 08 05 fc00000101", "withdrawn: COMMUNITIES withdraw"],
    ["ORIGINATOR_ID of five bytes", "80 09 05 0a00000101", "withdrawn: ORIGINATOR_ID withdraw"],
    ["CLUSTER_LIST of no bytes", "80 0a 00", "withdrawn: CLUSTER_LIST withdraw"],
    ["EXTENDED_COMMUNITIES of no bytes", "c0 10 00", "withdrawn: EXTENDED_COMMUNITIES withdraw"],
    ["EXTENDED_COMMUNITIES of four bytes", "c0 10 04 0002fc00", "withdrawn: EXTENDED_COMMUNITIES withdraw"],
    ["LARGE_COMMUNITIES of no bytes", "c0 20 00", "withdrawn: LARGE_COMMUNITIES withdraw"],
    ["LARGE_COMMUNITIES of eight bytes", "c0 20 08 0000fc0000000001", "withdrawn: LARGE_COMMUNITIES withdraw"],
    ["AS4_PATH with nonsense", "c0 11 02 0909", "announced: AS4_PATH discard"],
    ["AS4_AGGREGATOR of two bytes", "c0 12 02 0909", "announced: AS4_AGGREGATOR discard"],
  ])("%s", (_what, bad, expected) => {
    expect(outcome(withAttribute(bad))).toBe(expected);
  });

  it("what internal peers alone may say is dropped from an external one, well formed or not", () => {
    for (const [bad, name] of [
      [LOCAL_PREF, "LOCAL_PREF"],
      ["40 05 02 0064", "LOCAL_PREF"],
      ["80 09 04 0a000001", "ORIGINATOR_ID"],
      ["80 0a 03 0a0000", "CLUSTER_LIST"],
    ] as const) {
      expect(outcome(`${ORIGIN} ${AS_PATH} ${NEXT_HOP} ${bad}`, EXTERNAL)).toBe(`announced: ${name} discard`);
    }
  });

  it("confederation segments from outside make the path malformed (RFC 5065 §5)", () => {
    const confederation = withAttribute("40 02 06 03 01 0000fc01").replace(LOCAL_PREF, "");
    expect(outcome(confederation, EXTERNAL)).toBe("withdrawn: AS_PATH withdraw");
    expect(outcome(withAttribute("40 02 06 03 01 0000fc01"))).toBe("announced");
  });

  it.each([
    ["MP_REACH_NLRI cut short", "80 0e 04 0002 01 10"],
    ["MP_REACH_NLRI with a next hop of five bytes", "80 0e 0a 0002 01 05 0102030405 00"],
    ["MP_REACH_NLRI with a prefix length of 129", `80 0e 16 0002 01 10 ${"20".repeat(16)} 00 81`],
    ["MP_UNREACH_NLRI with a prefix cut short", "80 0f 05 0002 01 40 20"],
  ])("%s ends the session, with the attribute as data", (_what, bad) => {
    const error = bgpError(() => decodeBody(updateBody("", bad, "")));
    expect(error.errorCode).toBe(3);
    expect(toHex(error.data)).toBe(bad.replaceAll(" ", ""));
  });

  it("every row says what becomes of a malformed attribute", () => {
    for (const { name, malformed } of ATTRIBUTES) expect(["discard", "withdraw", "reset"], name).toContain(malformed);
  });
});

describe("RFC 7606 §3", () => {
  it("c) flags that contradict the attribute withdraw the route", () => {
    expect(outcome(withAttribute("80 01 01 00"))).toBe("withdrawn: ORIGIN withdraw");
    expect(outcome(withAttribute("40 08 04 fc000001"))).toBe("withdrawn: COMMUNITIES withdraw");
    expect(outcome(withAttribute("80 06 00"))).toBe("withdrawn: ATOMIC_AGGREGATE withdraw");
  });

  it("the partial bit and an extended length that was not needed contradict nothing", () => {
    expect(outcome(withAttribute("e0 08 04 fc000001"))).toBe("announced");
    expect(outcome(withAttribute("50 01 0001 00"))).toBe("announced");
  });

  it.each([
    ["ORIGIN", `${AS_PATH} ${NEXT_HOP}`],
    ["AS_PATH", `${ORIGIN} ${NEXT_HOP}`],
    ["NEXT_HOP", `${ORIGIN} ${AS_PATH}`],
  ])("d) without %s the route is withdrawn", (name, attributes) => {
    expect(outcome(attributes)).toBe(`withdrawn: ${name} withdraw`);
  });

  it("g) of an attribute that comes twice the first counts", () => {
    const update = decodeBody(updateBody("", `${GOOD} 80 04 04 00000001 80 04 04 00000002`, NLRI));
    expect(update.announced[0]?.attributes.med).toBe(1);
    expect(update.problems).toMatchObject([{ name: "MULTI_EXIT_DISC", treatment: "discard" }]);
  });

  it("g) of MP_REACH_NLRI a second one ends the session", () => {
    const reach = "80 0e 05 0063 01 00 00";
    expect(bgpError(() => decodeBody(updateBody("", `${reach} ${reach}`, "")))).toMatchObject({
      errorCode: 3,
      errorSubcode: 1,
    });
  });

  it("h) of several errors the gravest decides", () => {
    expect(outcome(withAttribute("40 06 01 00 c0 08 05 fc00000101"))).toBe(
      "withdrawn: ATOMIC_AGGREGATE discard, COMMUNITIES withdraw",
    );
  });
});

describe("RFC 7606 §4 and §5: the attribute list itself", () => {
  it("an attribute that runs over the list withdraws the routes of the message", () => {
    expect(outcome(`${GOOD} c0 08 20 fc000001`)).toBe("withdrawn: COMMUNITIES withdraw");
    expect(outcome(`${GOOD} c0 08`)).toBe("withdrawn: COMMUNITIES withdraw");
  });

  it("§5.2: with no announced route in the message, what to withdraw is not known: the session ends", () => {
    expect(bgpError(() => decodeBody(updateBody("", `${ORIGIN} c0 08 05 fc00000101`, "")))).toMatchObject({
      errorCode: 3,
      errorSubcode: 1,
    });
  });

  it("§5.2: an attribute discarded there does not end it", () => {
    const update = decodeBody(updateBody("18 0a0102", "40 06 01 00", ""));
    expect(update).toMatchObject({ problems: [{ treatment: "discard" }] });
    expect(update.withdrawn.prefixes.map(String)).toEqual(["10.1.2.0/24"]);
  });

  it("withdrawn routes beside a malformed announcement are withdrawn as well", () => {
    const update = decodeBody(updateBody("18 0a0909", `${ORIGIN} ${NEXT_HOP}`, NLRI));
    expect(update.withdrawn.prefixes.map(String)).toEqual(["10.9.9.0/24", "10.1.2.0/24"]);
  });
});
