import { describe, expect, it } from "vitest";
import { formatScoped, isLinkLocal, isLinkName, parseAddress, parseScoped } from "../src/index.ts";

describe("scoped addresses (RFC 4007 §11)", () => {
  it.each(["fe80::1%eth1", "febf::1%bond0.100", "10.0.0.1", "2001:db8::1"])("%s comes back", (text) => {
    expect(formatScoped(parseScoped(text))).toBe(text);
  });

  it("a link-local address may come without its link, to be named elsewhere", () => {
    expect(parseScoped("fe80::1").link).toBeUndefined();
  });

  it.each([
    "2001:db8::1%eth1",
    "10.0.0.1%eth1",
    "fe80::1%",
    "fe80::1%a/b",
    "fe80::1%eth1%eth2",
    "fe80::1%sixteen-letters.",
    "%eth1",
  ])("%s is refused", (text) => {
    expect(() => parseScoped(text)).toThrow(Error);
  });

  it("fe80::/10 is link-local, and nothing beside it", () => {
    const of = (text: string) => isLinkLocal(parseAddress(text));
    expect(["fe80::", "febf:ffff::1", "fec0::1", "fe7f::1", "169.254.0.1"].map(of)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("takes for an interface what Linux does", () => {
    expect(["eth1", "vlan@100", "exactly-15-char"].every(isLinkName)).toBe(true);
    expect(["", ".", "..", "a b", "exactly-16-chars", "a:b", "a%b"].some(isLinkName)).toBe(false);
  });
});
