import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { packAnnouncements } from "../../src/wire/pack.ts";
import { bgpError, decodeBody, decodeOne, decodeUpdateBytes, hex, message, updateBody } from "../support/bytes.ts";
import { NOT_RESTARTING, openOf, sessionConfig } from "../support/session.ts";

const AGREED = { ...DEFAULT_CONTEXT, extendedNextHop: [4 as const] };
const GLOBAL = "20010db8000000000000000000000001";
const LINK_LOCAL = "fe800000000000000000000000000001";
/** ORIGIN IGP, AS_PATH empty, and an MP_REACH_NLRI of 10.1.2.0/24 with this next hop. */
function update(nextHop: string) {
  const length = nextHop.length / 2;
  const value = `0001 01 ${two(length)} ${nextHop} 00 18 0a0102`;
  return updateBody("", `40 01 01 00 40 02 00 80 0e ${two(9 + length)} ${value}`, "");
}

function two(value: number): string {
  return value.toString(16).padStart(2, "0");
}

describe("RFC 8950 §4 capability", () => {
  it("names IPv4 prefixes with IPv6 next hops", () => {
    const bytes = message(1, hex("04 fc00 005a 0a000001 0a  02 08 05 06 0001 0001 0002"));
    expect(decodeOne(bytes)).toMatchObject({ capabilities: { extendedNextHop: [4] } });
    const config = sessionConfig({ extendedNextHop: [4] });
    expect(ownOpen(config, NOT_RESTARTING).capabilities.extendedNextHop).toEqual([4]);
  });

  it("counts where both say it", () => {
    const theirs = openOf({ capabilities: { ...NO_CAPABILITIES, families: [4], extendedNextHop: [4] } });
    expect(negotiate(sessionConfig({ extendedNextHop: [4] }), theirs)).toMatchObject({ extendedNextHop: [4] });
    expect(negotiate(sessionConfig(), theirs)).toMatchObject({ extendedNextHop: [], codec: { extendedNextHop: [] } });
  });
});

describe("RFC 8950 §3 next hops", () => {
  it.each([
    ["global", GLOBAL, "2001:db8::1", undefined],
    ["global and link-local", GLOBAL + LINK_LOCAL, "2001:db8::1", "fe80::1"],
    ["link-local alone, as on a link without numbers", LINK_LOCAL, "fe80::1", undefined],
    ["IPv4, as without the capability", "0a000001", "10.0.0.1", undefined],
  ])("%s", (_what, bytes, nextHop, linkLocal) => {
    const [announced] = decodeBody(update(bytes), AGREED).announced;
    expect(announced?.prefixes.map(String)).toEqual(["10.1.2.0/24"]);
    expect(formatAddress(announced?.attributes.nextHop ?? parseAddress("0.0.0.0"))).toBe(nextHop);
    const second = announced?.attributes.linkLocalNextHop;
    expect(second === undefined ? undefined : formatAddress(second)).toBe(linkLocal);
  });

  it("of a length that was not agreed on end the session (RFC 7606 §7.11)", () => {
    expect(bgpError(() => decodeBody(update(GLOBAL)))).toMatchObject({ errorCode: 3 });
    expect(bgpError(() => decodeBody(update(`${GLOBAL}00`), AGREED))).toMatchObject({ errorCode: 3 });
  });

  it("of IPv6 are written into MP_REACH_NLRI, and come back", () => {
    const nextHop = parseAddress("2001:db8::1");
    const attributes = { origin: 0 as const, asPath: [], nextHop };
    const [bytes = new Uint8Array(0)] = packAnnouncements(attributes, 4, [parsePrefix("10.1.2.0/24")], AGREED);
    const { announced } = decodeUpdateBytes(bytes, AGREED);
    const told = announced.map(({ prefixes, ...rest }) => ({ attributes: rest.attributes, prefixes }));
    expect(told).toEqual([{ attributes, prefixes: [parsePrefix("10.1.2.0/24")] }]);
  });
});
