import { ipv4, type Prefix, parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalBytes } from "../../src/wire/attributes/encode.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { encodeControl } from "../../src/wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import {
  canonicalFits,
  fits,
  packAnnouncements,
  packEndOfRib,
  packWithdrawals,
  writeAnnouncements,
  writeCanonical,
} from "../../src/wire/pack.ts";
import { prefixEntries } from "../../src/wire/prefix-entries.ts";
import { UpdateWriter } from "../../src/wire/update-writer.ts";
import { anyIpv4, anyIpv6, attributes, flatAsPath, openMessage, prefix4, prefix6 } from "../support/arbitraries.ts";
import { decodeOne, decodeUpdateBytes } from "../support/bytes.ts";

const RUNS = { seed: 7, numRuns: 400 };
const PREFIX = parsePrefix("10.1.2.0/24");
const AS2: CodecContext = { ...DEFAULT_CONTEXT, as4: false };

function announced(messages: readonly Uint8Array[], context: CodecContext) {
  const prefixes: Prefix[] = [];
  const sets = new Set<string>();
  let last: PathAttributes | undefined;
  for (const bytes of messages) {
    expect(bytes.length).toBeLessThanOrEqual(context.maxMessage);
    const update = decodeUpdateBytes(bytes, context);
    expect(update).toMatchObject({ withdrawn: { prefixes: [] }, problems: [], endOfRib: undefined });
    for (const announcement of update.announced) {
      prefixes.push(...announcement.prefixes);
      sets.add(canonicalBytes(announcement.attributes).join(","));
      last = announcement.attributes;
    }
  }
  return { prefixes: prefixes.map(String), sets: sets.size, attributes: last };
}

describe("what is encoded decodes to the same", () => {
  it("OPEN, with capabilities of all kinds, also beyond 255 bytes of them (RFC 9072)", () => {
    fc.assert(
      fc.property(openMessage, (open) => {
        expect(decodeOne(encodeControl(open))).toEqual(open);
      }),
      RUNS,
    );
  });

  it("IPv4 routes", () => {
    fc.assert(
      fc.property(attributes(anyIpv4), fc.array(prefix4, { minLength: 1, maxLength: 60 }), (set, prefixes) => {
        const result = announced(packAnnouncements(set, 4, prefixes, DEFAULT_CONTEXT), DEFAULT_CONTEXT);
        expect(result).toEqual({ prefixes: prefixes.map(String), sets: 1, attributes: set });
      }),
      RUNS,
    );
  });

  it("IPv6 routes, with and without a link-local next hop", () => {
    fc.assert(
      fc.property(
        attributes(anyIpv6),
        fc.option(anyIpv6, { nil: undefined }),
        fc.array(prefix6, { minLength: 1, maxLength: 60 }),
        (set, linkLocalNextHop, prefixes) => {
          const full = { ...set, ...(linkLocalNextHop !== undefined && { linkLocalNextHop }) };
          const result = announced(packAnnouncements(full, 6, prefixes, DEFAULT_CONTEXT), DEFAULT_CONTEXT);
          expect(result).toEqual({ prefixes: prefixes.map(String), sets: 1, attributes: full });
        },
      ),
      RUNS,
    );
  });

  it("attributes of 255 bytes and of more, whose length takes two", () => {
    for (const count of [63, 64, 65, 200]) {
      const communities = Array.from({ length: count }, (_, index) => 0x0102_0304 + index);
      const unknown = [
        { code: 200, flags: 0xe0, value: Uint8Array.from({ length: count * 4 + 1 }, (_, index) => index + 1) },
      ];
      const set: PathAttributes = {
        origin: 0,
        asPath: [],
        nextHop: ipv4(0x0a000001),
        localPref: 5,
        communities,
        unknown,
      };
      const result = announced(packAnnouncements(set, 4, [PREFIX], DEFAULT_CONTEXT), DEFAULT_CONTEXT);
      expect(result).toEqual({ prefixes: [String(PREFIX)], sets: 1, attributes: set });
    }
  });

  it("through a two-octet session: AS4_PATH and AS4_AGGREGATOR bring the true numbers back (RFC 6793)", () => {
    fc.assert(
      fc.property(attributes(anyIpv4, flatAsPath), prefix4, (set, prefix) => {
        const result = announced(packAnnouncements(set, 4, [prefix], AS2), AS2);
        expect(result).toEqual({ prefixes: [String(prefix)], sets: 1, attributes: set });
      }),
      RUNS,
    );
  });

  it("withdrawals and End-of-RIB of both families", () => {
    for (const [family, arbitrary] of [
      [4, prefix4],
      [6, prefix6],
    ] as const) {
      fc.assert(
        fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 60 }), (prefixes) => {
          const updates = packWithdrawals(family, prefixes, DEFAULT_CONTEXT).map((bytes) => decodeUpdateBytes(bytes));
          expect(updates.flatMap(({ withdrawn }) => withdrawn.prefixes.map(String))).toEqual(prefixes.map(String));
          expect(updates.every(({ endOfRib, announced: none }) => endOfRib === undefined && none.length === 0)).toBe(
            true,
          );
        }),
        RUNS,
      );
      expect(decodeUpdateBytes(packEndOfRib(family))).toMatchObject({
        endOfRib: family,
        withdrawn: { prefixes: [] },
        announced: [],
      });
    }
  });

  it("canonical bytes go on the wire as the attributes that they are of, and as much fits beside them", () => {
    const written = (write: (writer: UpdateWriter) => void) => {
      const writer = new UpdateWriter(DEFAULT_CONTEXT.maxMessage);
      write(writer);
      return [...writer.take()];
    };
    const hop = fc.oneof(anyIpv4, anyIpv6);
    const sets = fc.oneof(attributes(anyIpv4), attributes(anyIpv6), attributes(hop));
    fc.assert(
      fc.property(sets, fc.option(anyIpv6, { nil: undefined }), (drawn, linkLocal) => {
        const isWide = typeof drawn.nextHop === "bigint";
        const set = isWide && linkLocal !== undefined ? { ...drawn, linkLocalNextHop: linkLocal } : drawn;
        const bytes = canonicalBytes(set);
        for (const family of [4, 6] as const) {
          const entries = prefixEntries([family === 4 ? PREFIX : parsePrefix("2001:db8::/48")]);
          const slow = written((writer) => writeAnnouncements(writer, set, family, entries, DEFAULT_CONTEXT));
          expect(written((writer) => writeCanonical(writer, bytes, family, entries))).toEqual(slow);
          for (const maxMessage of [
            bytes.length + 30,
            bytes.length + 50,
            bytes.length + 70,
            bytes.length + 100,
            4096,
          ]) {
            const context = { ...DEFAULT_CONTEXT, maxMessage };
            expect(canonicalFits(bytes, family, context)).toBe(fits(set, family, context));
          }
        }
      }),
      RUNS,
    );
  });

  it("canonical bytes are equal exactly for equal attributes", () => {
    fc.assert(
      fc.property(attributes(anyIpv4), attributes(anyIpv4), (a, b) => {
        const same = canonicalBytes(a).join() === canonicalBytes(b).join();
        expect(same).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
        expect(canonicalBytes(a).join()).toBe(canonicalBytes({ ...a }).join());
      }),
      RUNS,
    );
  });
});

function sorted(set: PathAttributes): unknown {
  return Object.entries(set)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => [
      key,
      JSON.stringify(value, (_key, member: unknown) => {
        if (typeof member === "bigint") return `${member}n`;
        return member instanceof Uint8Array ? [...member] : member;
      }),
    ]);
}

describe("packing", () => {
  const set: PathAttributes = { origin: 0, asPath: [], nextHop: 0x0a000001 as never, localPref: 100 };

  it("fills messages up to 4,096 bytes and no further", () => {
    fc.assert(
      fc.property(fc.array(prefix4, { minLength: 900, maxLength: 2500 }), (prefixes) => {
        const messages = packAnnouncements(set, 4, prefixes, DEFAULT_CONTEXT);
        expect(announced(messages, DEFAULT_CONTEXT).prefixes).toEqual(prefixes.map(String));
        // All but the last have no room for one prefix more, which takes five bytes at most.
        for (const bytes of messages.slice(0, -1)) expect(bytes.length).toBeGreaterThan(4096 - 5);
      }),
      { seed: 3, numRuns: 20 },
    );
  });
});
