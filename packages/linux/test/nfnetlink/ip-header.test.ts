import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { ipHeaderOf } from "../../src/nfnetlink/ip-header.ts";

const bytes = (...hex: string[]) => Uint8Array.from(Buffer.from(hex.join("").replaceAll(" ", ""), "hex"));

const V4_ENDS = "0af40002 0af40103";
const V6_ENDS = "fd000000000000000000000000000002 fd000001000000000000000000000003";
const PORTS = "9c400050";

/** 60 bytes long as told; `fragment` is flags and offset. */
const v4 = (protocol: string, behind: string, fragment = "0000", first = "45") =>
  bytes(first, "00003c", "1234", fragment, "40", protocol, "0000", V4_ENDS, behind);
/** 20 bytes behind the header as told. */
const v6 = (next: string, behind: string) => bytes("60000000", "0014", next, "40", V6_ENDS, behind);

describe("the beginning of an IP packet", () => {
  it("of IPv4 says ends, protocol, ports and length, behind options too", () => {
    const expected = {
      source: parseAddress("10.244.0.2"),
      destination: parseAddress("10.244.1.3"),
      protocol: 6,
      sourcePort: 40000,
      destinationPort: 80,
      icmp: undefined,
      length: 60,
    };
    expect(ipHeaderOf(v4("06", PORTS))).toEqual(expected);
    expect(ipHeaderOf(v4("06", `01010101${PORTS}`, "4000", "46"))).toEqual(expected);
  });

  it("of ICMP says type and code", () => {
    expect(ipHeaderOf(v4("01", "03040000"))).toMatchObject({ protocol: 1, icmp: { type: 3, code: 4 } });
    expect(ipHeaderOf(v6("3a", "80000000"))).toMatchObject({ protocol: 58, icmp: { type: 128, code: 0 }, length: 60 });
    expect(ipHeaderOf(v4("01", "03040000"))?.sourcePort).toBeUndefined();
  });

  it("of IPv6 says what comes behind extension headers", () => {
    const hopByHop = "06 00 000000000000";
    expect(ipHeaderOf(v6("06", PORTS))).toMatchObject({ protocol: 6, sourcePort: 40000, destinationPort: 80 });
    expect(ipHeaderOf(v6("00", `${hopByHop}${PORTS}`))).toMatchObject({ protocol: 6, destinationPort: 80 });
    const routing = "11 01 000000000000 0000000000000000";
    expect(ipHeaderOf(v6("2b", `${routing}${PORTS}`))).toMatchObject({ protocol: 17, destinationPort: 80 });
    const authentication = "06 01 0000 00000000 00000000";
    expect(ipHeaderOf(v6("33", `${authentication}${PORTS}`))).toMatchObject({ protocol: 6, destinationPort: 80 });
  });

  it("of a first fragment has ports, of a later one none: there is data in their place", () => {
    expect(ipHeaderOf(v4("11", PORTS, "2000"))?.destinationPort).toBe(80);
    expect(ipHeaderOf(v4("11", PORTS, "2001"))).toMatchObject({ protocol: 17, destinationPort: undefined });
    expect(ipHeaderOf(v6("2c", `1100 0001 00000001${PORTS}`))?.destinationPort).toBe(80);
    expect(ipHeaderOf(v6("2c", `1100 0008 00000001${PORTS}`))).toMatchObject({
      protocol: 17,
      destinationPort: undefined,
    });
  });

  it("that is cut short says what it holds; without its addresses, or of another protocol, nothing", () => {
    expect(ipHeaderOf(v4("06", "9c40"))).toMatchObject({ protocol: 6, sourcePort: undefined });
    expect(ipHeaderOf(v6("00", "0600"))).toMatchObject({ protocol: 0, sourcePort: undefined });
    expect(ipHeaderOf(v4("06", "").subarray(0, 19))).toBeUndefined();
    expect(ipHeaderOf(v6("06", "").subarray(0, 39))).toBeUndefined();
    expect(ipHeaderOf(bytes("0001"))).toBeUndefined();
    expect(ipHeaderOf(new Uint8Array())).toBeUndefined();
  });
});
