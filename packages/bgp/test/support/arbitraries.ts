import { type Ipv4, type Ipv6, ipv4, ipv6, Prefix } from "@ocicat/net";
import fc from "fast-check";
import { ATTRIBUTES } from "../../src/wire/attributes/table.ts";
import type { AsPath, AsSegment, PathAttributes } from "../../src/wire/attributes/types.ts";
import { type Capabilities, ROLES } from "../../src/wire/capabilities.ts";
import type { OpenMessage } from "../../src/wire/message.ts";

export const anyIpv4: fc.Arbitrary<Ipv4> = fc.integer({ min: 0, max: 0xffff_ffff }).map(ipv4);
export const anyIpv6: fc.Arbitrary<Ipv6> = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6);
export const prefix4 = fc
  .tuple(anyIpv4, fc.integer({ min: 0, max: 32 }))
  .map(([address, length]) => Prefix.of(address, length));
export const prefix6 = fc
  .tuple(anyIpv6, fc.integer({ min: 0, max: 128 }))
  .map(([address, length]) => Prefix.of(address, length));

const as4 = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 65_536, max: 0xffff_ffff }));
const word = fc.integer({ min: 0, max: 0xffff_ffff });

const segment = (types: readonly AsSegment["type"][]): fc.Arbitrary<AsSegment> =>
  fc.record({ type: fc.constantFrom(...types), asns: fc.array(as4, { minLength: 1, maxLength: 5 }) });

export const asPath: fc.Arbitrary<AsPath> = fc.array(segment(["set", "sequence"]), { maxLength: 4 });

/** Paths of sequences that are joined where they can be: the form in which a path comes back from two-octet speakers. */
export const flatAsPath: fc.Arbitrary<AsPath> = fc
  .array(as4, { maxLength: 12 })
  .map((asns) => (asns.length === 0 ? [] : [{ type: "sequence" as const, asns }]));

const KNOWN = new Set(ATTRIBUTES.map(({ code }) => code));

const unknownAttribute = fc.record({
  code: fc.integer({ min: 19, max: 255 }).filter((code) => !KNOWN.has(code)),
  flags: fc.constant(0xe0),
  value: fc.uint8Array({ maxLength: 300 }),
});

/** As decoding delivers them: unknown attributes ascending, none twice. */
export function attributes<H extends Ipv4 | Ipv6>(
  nextHop: fc.Arbitrary<H>,
  path = asPath,
): fc.Arbitrary<PathAttributes> {
  const required = { origin: fc.constantFrom(0 as const, 1 as const, 2 as const), asPath: path, nextHop };
  const optional = {
    med: word,
    localPref: word,
    atomicAggregate: fc.constant(true as const),
    aggregator: fc.record({ as: as4, address: anyIpv4 }),
    communities: fc.array(word, { minLength: 1, maxLength: 8 }),
    extCommunities: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 4 }),
    originatorId: anyIpv4,
    clusterList: fc.array(anyIpv4, { minLength: 1, maxLength: 4 }),
    largeCommunities: fc.uniqueArray(fc.tuple(word, word, word), {
      minLength: 1,
      maxLength: 4,
      selector: (one) => one.join(),
    }),
    onlyToCustomer: as4,
    unknown: fc
      .uniqueArray(unknownAttribute, { minLength: 1, maxLength: 3, selector: ({ code }) => code })
      .map((list) => list.sort((a, b) => a.code - b.code)),
  };
  return fc.record({ ...required, ...optional }, { requiredKeys: ["origin", "asPath", "nextHop"] });
}

const family = fc.constantFrom(4 as const, 6 as const);
const families = fc.uniqueArray(family, { maxLength: 2 });

const capabilities: fc.Arbitrary<Capabilities> = fc.record({
  families: fc.option(fc.uniqueArray(family, { minLength: 1, maxLength: 2 }), { nil: undefined }),
  routeRefresh: fc.boolean(),
  extendedMessage: fc.boolean(),
  extendedNextHop: fc.constantFrom([], [4 as const]),
  roles: fc.array(fc.constantFrom(...ROLES), { maxLength: 2 }),
  addPath: fc
    .dictionary(fc.constantFrom("4", "6"), fc.record({ send: fc.boolean(), receive: fc.boolean() }))
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, { send, receive }]) => send || receive))),
  enhancedRefresh: fc.boolean(),
  longLived: fc.option(
    families.chain((list) =>
      fc.tuple(
        ...list.map((one) =>
          fc.record({
            family: fc.constant(one),
            forwarding: fc.boolean(),
            staleTimeS: fc.integer({ min: 0, max: 0xff_ffff }),
          }),
        ),
      ),
    ),
    { nil: undefined },
  ),
  gracefulRestart: fc.option(
    fc.record({
      restarting: fc.boolean(),
      notification: fc.boolean(),
      restartTimeS: fc.integer({ min: 0, max: 4095 }),
      families: families.chain((list) =>
        fc.tuple(...list.map((one) => fc.record({ family: fc.constant(one), forwarding: fc.boolean() }))),
      ),
    }),
    { nil: undefined },
  ),
  as4: fc.option(as4, { nil: undefined }),
  unknown: fc.array(fc.record({ code: fc.integer({ min: 72, max: 255 }), value: fc.uint8Array({ maxLength: 60 }) }), {
    maxLength: 8,
  }),
});

export const openMessage: fc.Arbitrary<OpenMessage> = fc
  .record({
    as: as4,
    holdTimeS: fc.integer({ min: 0, max: 65_535 }),
    routerId: anyIpv4,
    capabilities,
  })
  .map(({ capabilities: announced, as, ...rest }) => {
    // A sender of a four-octet number says so in the capability, and of any number the same in both places.
    const number = announced.as4 === undefined ? Math.min(as, 65_535) : as;
    return {
      type: "open",
      version: 4,
      as: number,
      ...rest,
      capabilities: { ...announced, ...(announced.as4 !== undefined && { as4: number }) },
    };
  });
