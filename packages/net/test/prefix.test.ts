import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AddressError,
  compareAddresses,
  ipv4,
  ipv6,
  Prefix,
  PrefixTrie,
  parseAddress,
  parsePrefix,
} from "../src/index.ts";

const anyPrefix4 = fc
  .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 32 }))
  .map(([value, length]) => Prefix.of(ipv4(value), length));
const anyPrefix6 = fc
  .tuple(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.integer({ min: 0, max: 128 }))
  .map(([value, length]) => Prefix.of(ipv6(value), length));
const anyPrefix = fc.oneof(anyPrefix4, anyPrefix6);

describe("Prefix", () => {
  it("text and value are inverse", () => {
    fc.assert(fc.property(anyPrefix, (prefix) => parsePrefix(prefix.toString()).equals(prefix)));
  });

  it("holds its first and last address and not the one after", () => {
    fc.assert(
      fc.property(anyPrefix, (prefix) => {
        expect(prefix.has(prefix.address) && prefix.has(prefix.last)).toBe(true);
        if (prefix.size > 1n) expect(prefix.ordinalOf(prefix.last)).toBe(prefix.size - 1n);
      }),
    );
  });

  it("nth and ordinalOf are inverse", () => {
    fc.assert(
      fc.property(anyPrefix, fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (prefix, seed) => {
        const ordinal = seed % prefix.size;
        return prefix.ordinalOf(prefix.nth(ordinal)) === ordinal;
      }),
    );
  });

  it("two blocks overlap exactly if one covers the other's network address", () => {
    fc.assert(fc.property(anyPrefix4, anyPrefix4, (a, b) => a.overlaps(b) === (a.has(b.address) || b.has(a.address))));
  });

  it("a /0 holds everything of its family and nothing of the other", () => {
    const all = parsePrefix("0.0.0.0/0");
    expect(all.has(parseAddress("255.255.255.255"))).toBe(true);
    expect(all.has(parseAddress("::1"))).toBe(false);
  });

  it("refuses host bits unless told to clear them", () => {
    expect(() => parsePrefix("10.98.1.5/16")).toThrow(/the network is 10.98.0.0\/16/);
    expect(parsePrefix("10.98.1.5/16", { hostBits: "clear" }).toString()).toBe("10.98.0.0/16");
  });

  it.each(["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/08", "::/129", "10.0.0.0/8/8", "x/8"])(
    "refuses %s",
    (text) => {
      expect(() => parsePrefix(text)).toThrow(AddressError);
    },
  );

  it("has no address beyond its last", () => {
    expect(() => parsePrefix("10.0.0.0/30").nth(4)).toThrow(RangeError);
  });
});

describe("PrefixTrie", () => {
  it("finds what a scan of all entries finds", () => {
    fc.assert(
      fc.property(fc.array(anyPrefix, { maxLength: 30 }), anyPrefix, (prefixes, target) => {
        const trie = new PrefixTrie<string>();
        for (const prefix of prefixes) trie.set(prefix, prefix.toString());
        const scan = [...new Set(prefixes.filter((prefix) => prefix.covers(target)).map(String))].sort(
          (a, b) => parsePrefix(b).length - parsePrefix(a).length,
        );
        expect([...trie.matches(target)].map((entry) => entry.value)).toEqual(scan);
        expect(trie.size).toBe(new Set(prefixes.map(String)).size);
      }),
    );
  });

  it("forgets what is deleted, and says whether it was there", () => {
    const trie = new PrefixTrie<number>();
    const block = parsePrefix("10.244.0.0/26");
    trie.set(block, 1);
    expect(trie.longestMatch(parseAddress("10.244.0.5"))?.value).toBe(1);
    expect([trie.delete(block), trie.delete(block), trie.size]).toEqual([true, false, 0]);
    expect(trie.longestMatch(parseAddress("10.244.0.5"))).toBeUndefined();
  });

  it("compares addresses of equal value in different families as different", () => {
    expect(compareAddresses(ipv4(1), ipv6(1n))).toBe(-1);
  });
});
