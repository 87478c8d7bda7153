import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AddressError,
  addressFromBytes,
  addressToBytes,
  compareAddresses,
  formatAddress,
  ipv4,
  ipv6,
  parseAddress,
} from "../src/index.ts";

const anyIpv4 = fc.integer({ min: 0, max: 0xffff_ffff }).map(ipv4);
const anyIpv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6);
const anyAddress = fc.oneof(anyIpv4, anyIpv6);

describe("addresses", () => {
  it("format and parse are inverse, for both families", () => {
    fc.assert(fc.property(anyAddress, (address) => parseAddress(formatAddress(address)) === address));
  });

  it("toBytes and fromBytes are inverse", () => {
    fc.assert(fc.property(anyAddress, (address) => addressFromBytes(addressToBytes(address)) === address));
  });

  it("orders as bytes do, IPv4 first", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        const key = (address: typeof a) =>
          [address.toString(16).length > 8 || typeof address === "bigint" ? 1 : 0, BigInt(address)] as const;
        const [familyA, valueA] = key(a);
        const [familyB, valueB] = key(b);
        const expected = Math.sign(familyA - familyB) || (valueA < valueB ? -1 : valueA > valueB ? 1 : 0);
        return compareAddresses(a, b) === expected;
      }),
    );
  });

  // RFC 5952 §4: lower case, no leading zeros, the longest run of zeros shortened, the first of equals, never one group.
  it.each([
    ["2001:DB8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::", "::"],
    ["::1", "::1"],
    ["fe80::ecee:eeff:feee:eeee", "fe80::ecee:eeff:feee:eeee"],
    ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
  ])("%s is written %s", (given, canonical) => {
    expect(formatAddress(parseAddress(given))).toBe(canonical);
  });

  it.each([
    "",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.01",
    "10.0.0.0.1",
    " 10.0.0.1",
    "10.0.0.1 ",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "g::",
    "12345::",
    ":1:2:3:4:5:6:7",
    "::10.0.0.300",
    "fe80::1%eth0",
  ])("refuses %j", (text) => {
    expect(() => parseAddress(text)).toThrow(AddressError);
  });
});
