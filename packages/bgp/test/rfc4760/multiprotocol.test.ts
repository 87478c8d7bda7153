import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { packAnnouncements, packEndOfRib, packWithdrawals } from "../../src/wire/pack.ts";
import { decodeBody, hex, MARKER, toHex, updateBody } from "../support/bytes.ts";
import { address4, route } from "../support/lab.ts";

const IPV4_ONLY: CodecContext = { ...DEFAULT_CONTEXT, families: [4] };
const GLOBAL = "20010db8000000000000000000000001";
const LINK_LOCAL = "fe800000000000000000000000000001";
const BASE = "40010100400200400504 00000064";

describe("RFC 4760: routes in MP_REACH_NLRI and MP_UNREACH_NLRI", () => {
  it("an IPv6 route is written with MP_REACH_NLRI first (RFC 7606 §5.1)", () => {
    const attributes = { origin: 0 as const, asPath: [], nextHop: parseAddress("2001:db8::1"), localPref: 100 };
    const [bytes] = packAnnouncements(attributes, 6, [route("fd00:10:244::/122").prefix], DEFAULT_CONTEXT);
    expect(toHex(bytes ?? hex(""))).toBe(
      toHex(
        hex(`${MARKER} 004f 02 0000 0038
        90 0e 0026 0002 01 10 ${GLOBAL} 00 7a fd0000100244 00000000000000000000
        40010100 400200 40050400000064`),
      ),
    );
  });

  it("IPv6 withdrawals and End-of-RIB", () => {
    const [bytes] = packWithdrawals(6, [route("fd00::/16").prefix], DEFAULT_CONTEXT);
    expect(toHex(bytes ?? hex(""))).toBe(toHex(hex(`${MARKER} 0021 02 0000 000a 90 0f 0006 0002 01 10 fd00`)));
    expect(toHex(packEndOfRib(6))).toBe(toHex(hex(`${MARKER} 001e 02 0000 0007 90 0f 0003 0002 01`)));
  });

  it("a next hop may bring a link-local address along (RFC 2545 §3)", () => {
    const update = decodeBody(updateBody("", `80 0e 28 0002 01 20 ${GLOBAL} ${LINK_LOCAL} 00 10 fd00 ${BASE}`, ""));
    expect(update.announced[0]?.attributes).toMatchObject({
      nextHop: parseAddress("2001:db8::1"),
      linkLocalNextHop: parseAddress("fe80::1"),
    });
  });

  it("IPv4 in MP_REACH_NLRI is as good as in the message's own field", () => {
    const update = decodeBody(updateBody("", `80 0e 0d 0001 01 04 0a000001 00 18 0a0102 ${BASE}`, ""));
    expect(update.announced[0]).toMatchObject({ attributes: { nextHop: address4("10.0.0.1") } });
    expect(update.announced[0]?.prefixes.map(String)).toEqual(["10.1.2.0/24"]);
  });

  it("one message may announce both families, each with its own next hop", () => {
    const update = decodeBody(
      updateBody("", `80 0e 18 0002 01 10 ${GLOBAL} 00 10 fd00 ${BASE} 400304 0a000001`, "18 0a0102"),
    );
    expect(update.announced.map(({ prefixes, attributes }) => [String(prefixes), attributes.nextHop])).toEqual([
      ["10.1.2.0/24", address4("10.0.0.1")],
      ["fd00::/16", parseAddress("2001:db8::1")],
    ]);
    expect(update.announced[1]?.attributes).not.toHaveProperty("mpReach");
  });

  it("§6: a family that was not agreed on is ignored, and the rest of the message counts", () => {
    const update = decodeBody(
      updateBody("", `80 0e 18 0002 01 10 ${GLOBAL} 00 10 fd00 ${BASE} 400304 0a000001`, "18 0a0102"),
      IPV4_ONLY,
    );
    expect(update.announced.map(({ prefixes }) => String(prefixes))).toEqual(["10.1.2.0/24"]);
    expect(update.problems).toMatchObject([{ treatment: "discard", what: "IPv6 unicast was not agreed on" }]);
  });

  it("§6: families and subsequent families that nobody here speaks are ignored", () => {
    for (const [afi, safi] of [
      ["0001", "80"],
      ["0019", "46"],
      ["0002", "02"],
    ]) {
      const update = decodeBody(updateBody("", `80 0e 06 ${afi} ${safi} 01 ff 00 80 0f 03 ${afi} ${safi}`, ""));
      expect(update).toMatchObject({ announced: [], withdrawn: { prefixes: [] }, endOfRib: undefined });
    }
  });

  it("NEXT_HOP is not asked for when all routes are in MP_REACH_NLRI", () => {
    const update = decodeBody(updateBody("", `80 0e 18 0002 01 10 ${GLOBAL} 00 10 fd00 ${BASE}`, ""));
    expect(update.problems).toEqual([]);
    expect(update.announced).toHaveLength(1);
  });
});
