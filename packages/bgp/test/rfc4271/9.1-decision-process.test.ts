import { type Prefix, parsePrefix, type ScopedAddress } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RibPeer } from "../../src/rib/sources.ts";
import type { AsPath, PathAttributes } from "../../src/wire/attributes/types.ts";
import { address4 } from "../support/lab.ts";
import { path, RibLab, ribPeer } from "../support/rib.ts";

const PREFIX = parsePrefix("10.1.0.0/16");
const A = "10.0.0.1";
const B = "10.0.0.2";

type Entry = readonly [peer: RibPeer, attributes: PathAttributes];

const external = (ip: string, as: number, extra: Partial<RibPeer> = {}) =>
  ribPeer(ip, { as, internal: false, ...extra });
const through = (...asns: number[]): AsPath => [{ type: "sequence", asns }];

function decide(entries: readonly Entry[], resolve?: ConstructorParameters<typeof RibLab>[0]): string {
  const lab = new RibLab(resolve);
  for (const [peer, attributes] of entries) lab.adjRibIn(peer).announce({ prefixes: [PREFIX] }, attributes);
  return lab.best(PREFIX);
}

/** The outcome in both orders, which must be the same. */
function decideBoth(entries: readonly Entry[], resolve?: ConstructorParameters<typeof RibLab>[0]): string {
  const outcome = decide(entries, resolve);
  expect(decide(entries.toReversed(), resolve)).toBe(outcome);
  return outcome;
}

describe("RFC 4271 §9.1.2.2, step by step: all before being equal", () => {
  it("the only path", () => {
    expect(decideBoth([[ribPeer(A), path()]])).toBe("peer 10.0.0.1: only path");
  });

  it("highest LOCAL_PREF; a missing one counts 100", () => {
    expect(
      decideBoth([
        [ribPeer(A), path()],
        [ribPeer(B), path({ localPref: 200, asPath: through(1, 2, 3) })],
      ]),
    ).toBe("peer 10.0.0.2: highest LOCAL_PREF");
    const { localPref: _none, ...without } = path({ asPath: through(64513) });
    expect(
      decideBoth([
        [external(A, 64513), without],
        [ribPeer(B), path({ localPref: 99 })],
      ]),
    ).toBe("peer 10.0.0.1: highest LOCAL_PREF");
  });

  it("a) shortest AS_PATH, a set counting one", () => {
    const set: AsPath = [
      { type: "sequence", asns: [1] },
      { type: "set", asns: [2, 3, 4] },
    ];
    expect(
      decideBoth([
        [ribPeer(A), path({ asPath: through(1, 2, 3) })],
        [ribPeer(B), path({ asPath: set })],
      ]),
    ).toBe("peer 10.0.0.2: shortest AS_PATH");
  });

  it("b) lowest ORIGIN", () => {
    expect(
      decideBoth([
        [ribPeer(A), path({ origin: 2 })],
        [ribPeer(B), path({ origin: 1 })],
      ]),
    ).toBe("peer 10.0.0.2: lowest ORIGIN");
  });

  it("c) lowest MED among paths through the same AS; a missing one counts 0", () => {
    expect(
      decideBoth([
        [ribPeer(A), path({ asPath: through(7), med: 5 })],
        [ribPeer(B), path({ asPath: through(7) })],
      ]),
    ).toBe("peer 10.0.0.2: lowest MED from the same AS");
    expect(
      decideBoth([
        [ribPeer(A), path({ asPath: through(7), med: 5 })],
        [ribPeer(B), path({ asPath: through(8) })],
      ]),
    ).toBe("peer 10.0.0.1: lowest BGP identifier");
  });

  it("d) external over internal", () => {
    expect(
      decideBoth([
        [ribPeer(A), path({ asPath: through(64513) })],
        [external(B, 64513), path({ asPath: through(64513) })],
      ]),
    ).toBe("peer 10.0.0.2: external over internal");
  });

  it("e) the nearest next hop", () => {
    const near = address4("10.0.0.9");
    const resolve = ({ address: hop }: ScopedAddress) => ({ reachable: true, metric: hop === near ? 1 : 10 });
    expect(
      decideBoth(
        [
          [ribPeer(A), path()],
          [ribPeer(B), path({ nextHop: near })],
        ],
        resolve,
      ),
    ).toBe("peer 10.0.0.2: nearest next hop");
  });

  it("f) lowest BGP identifier, ORIGINATOR_ID in its place (RFC 4456 §9)", () => {
    expect(
      decideBoth([
        [ribPeer(A, { routerId: address4("9.9.9.9") }), path()],
        [ribPeer(B, { routerId: address4("9.9.9.8") }), path()],
      ]),
    ).toBe("peer 10.0.0.2: lowest BGP identifier");
    expect(
      decideBoth([
        [ribPeer(A), path()],
        [ribPeer(B), path({ originatorId: address4("1.1.1.1") })],
      ]),
    ).toBe("peer 10.0.0.2: lowest BGP identifier");
  });

  it("shortest CLUSTER_LIST (RFC 4456 §9)", () => {
    const originatorId = address4("1.1.1.1");
    const clusters = (...list: string[]) => path({ originatorId, clusterList: list.map(address4) });
    expect(
      decideBoth([
        [ribPeer(A), clusters("5.5.5.5", "6.6.6.6")],
        [ribPeer(B), clusters("5.5.5.5")],
      ]),
    ).toBe("peer 10.0.0.2: shortest CLUSTER_LIST");
  });

  it("g) lowest peer address", () => {
    const routerId = address4("9.9.9.9");
    expect(
      decideBoth([
        [ribPeer(B, { routerId }), path()],
        [ribPeer(A, { routerId }), path()],
      ]),
    ).toBe("peer 10.0.0.1: lowest peer address");
  });

  it("a route of our own over all that is learned", () => {
    const lab = new RibLab();
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [PREFIX] }, path({ localPref: 4_000_000_000 }));
    lab.own.announce({ prefix: PREFIX, origin: "block of this node" });
    expect(lab.best(PREFIX)).toBe("own: own route");
    lab.own.withdraw(PREFIX);
    expect(lab.best(PREFIX)).toBe("peer 10.0.0.1: only path");
  });
});

describe("RFC 4271 §9.1.2: paths that cannot be used", () => {
  it("an unreachable next hop rules a path out, until it is reachable again", () => {
    const down = new Set<unknown>([address4(A)]);
    const lab = new RibLab(({ address }) => ({ reachable: !down.has(address), metric: 0 }));
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [PREFIX] }, path({ nextHop: address4(A) }));
    expect(lab.best(PREFIX)).toBe("none");
    down.clear();
    lab.locRib.nextHopsChanged([address4(B)]);
    expect(lab.best(PREFIX)).toBe("none");
    lab.locRib.nextHopsChanged([address4(A)]);
    expect(lab.best(PREFIX)).toBe("peer 10.0.0.1: only path");
  });

  it("a worse path whose next hop is reachable wins over a better one whose next hop is not", () => {
    const far = address4("10.9.9.9");
    expect(
      decideBoth(
        [
          [ribPeer(A), path({ nextHop: far })],
          [external(B, 64513), path({ asPath: through(64513, 64514), nextHop: address4(B) })],
        ],
        ({ address }) => ({ reachable: address !== far, metric: 0 }),
      ),
    ).toBe("peer 10.0.0.2: only path");
  });

  it("reachable may be a next hop for one prefix and not for another", () => {
    const tunnelled = parsePrefix("10.2.0.0/16");
    const lab = new RibLab((_hop, prefix) => ({ reachable: prefix.equals(tunnelled), metric: 0 }));
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [PREFIX, tunnelled] }, path());
    expect([lab.best(PREFIX), lab.best(tunnelled)]).toEqual(["none", "peer 10.0.0.1: only path"]);
  });

  it("the best of those that cannot be used is remembered, to be told of", () => {
    let reachable = false;
    const lab = new RibLab(() => ({ reachable, metric: 0 }));
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [PREFIX] }, path({ localPref: 1 }));
    lab.adjRibIn(ribPeer(B)).announce({ prefixes: [PREFIX] }, path());
    const told = () => lab.settle().map(({ unreachable }) => unreachable);
    expect(told()).toEqual(["peer 10.0.0.2"]);
    expect(lab.best(PREFIX)).toBe("none");
    reachable = true;
    lab.locRib.nextHopsChanged();
    expect(told()).toEqual([undefined]);
    expect(lab.best(PREFIX)).toBe("peer 10.0.0.2: highest LOCAL_PREF");
  });

  it.each([
    [
      "this speaker's AS in AS_PATH",
      ribPeer(A),
      path({ asPath: through(1, 64512) }),
      "AS 64512, this speaker's, is in AS_PATH",
    ],
    [
      "another AS first from an external peer",
      external(A, 64513),
      path({ asPath: through(1, 64513) }),
      "AS_PATH does not begin with the peer's AS 64513",
    ],
    [
      "this speaker's identifier in ORIGINATOR_ID",
      ribPeer(A),
      path({ originatorId: address4("10.0.0.254") }),
      "ORIGINATOR_ID is this speaker's",
    ],
    [
      "this speaker in CLUSTER_LIST",
      ribPeer(A),
      path({ clusterList: [address4("10.0.0.254")] }),
      "this speaker is in CLUSTER_LIST",
    ],
    [
      "this speaker as next hop",
      ribPeer(A),
      path({ nextHop: address4("10.0.0.254") }),
      "next hop 10.0.0.254 is this speaker's",
    ],
    [
      "no host as next hop",
      ribPeer(A),
      path({ nextHop: address4("224.0.0.5") }),
      "next hop 224.0.0.5 is no host's address",
    ],
    [
      "0.0.0.0 as next hop",
      ribPeer(A),
      path({ nextHop: address4("0.0.0.0") }),
      "next hop 0.0.0.0 is no host's address",
    ],
  ])("%s: refused, and the reason kept", (_what, peer, attributes, reason) => {
    const lab = new RibLab();
    const adjRibIn = lab.adjRibIn(peer);
    adjRibIn.announce({ prefixes: [PREFIX] }, attributes);
    expect(lab.best(PREFIX)).toBe("none");
    expect(adjRibIn).toMatchObject({ size: 1, accepted: 0 });
    const { paths } = lab.explain(PREFIX);
    expect(paths).toMatchObject([{ verdict: "refused", why: reason }]);
  });

  it.each([
    "127.0.0.0/8",
    "127.1.2.3/32",
    "224.0.0.0/4",
    "239.1.0.0/16",
    "240.0.0.0/4",
    "fe80::/64",
    "ff02::/16",
    "::1/128",
  ])("%s is never routed", (text) => {
    const lab = new RibLab();
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [parsePrefix(text)] }, path());
    expect(lab.best(text)).toBe("none");
  });

  it("the default route is", () => {
    const lab = new RibLab();
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [parsePrefix("0.0.0.0/0")] }, path());
    expect(lab.best("0.0.0.0/0")).toBe("peer 10.0.0.1: only path");
  });
});

describe("the selection", () => {
  const candidate = fc.record({
    last: fc.integer({ min: 1, max: 5 }),
    localPref: fc.constantFrom(100, 100, 200),
    origin: fc.constantFrom(0 as const, 1 as const),
    med: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    asns: fc.array(fc.constantFrom(1, 2), { minLength: 1, maxLength: 2 }),
    externalAs: fc.constantFrom(undefined, 1, 2),
    hop: fc.constantFrom("10.0.1.1", "10.0.1.2"),
  });

  it("does not depend on the order in which paths came, nor on what came and went between", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(candidate, { minLength: 1, maxLength: 5, selector: ({ last }) => last }),
        fc.infiniteStream(fc.nat()),
        (candidates, dice) => {
          const entries = candidates.map(({ last, asns, externalAs, hop, med, ...rest }): Entry => {
            const peer = externalAs === undefined ? ribPeer(`10.0.0.${last}`) : external(`10.0.0.${last}`, externalAs);
            const asPath = through(...(externalAs === undefined ? asns : [externalAs, ...asns]));
            return [peer, path({ ...rest, asPath, nextHop: address4(hop), ...(med !== undefined && { med }) })];
          });
          const shuffled = entries
            .map((entry) => ({ entry, at: dice.next().value }))
            .sort((a, b) => (a.at ?? 0) - (b.at ?? 0))
            .map(({ entry }) => entry);
          const direct = decide(entries);
          expect(decide(shuffled)).toBe(direct);
          expect(detour(shuffled)).toBe(direct);
        },
      ),
      { seed: 5, numRuns: 400 },
    );
  });

  /** The same paths, with each announced as something else first, withdrawn, and settled in between. */
  function detour(entries: readonly Entry[]): string {
    const lab = new RibLab();
    const ribs = entries.map(([peer]) => lab.adjRibIn(peer));
    for (const rib of ribs) rib.announce({ prefixes: [PREFIX] }, path({ localPref: 300, asPath: through(1) }));
    lab.settle();
    ribs[0]?.withdraw({ prefixes: [PREFIX] });
    lab.settle();
    for (const [index, [, attributes]] of entries.entries()) ribs[index]?.announce({ prefixes: [PREFIX] }, attributes);
    return lab.best(PREFIX);
  }

  it("counts as changed only when somebody can tell", () => {
    const lab = new RibLab();
    const first = lab.adjRibIn(ribPeer(A));
    const changes = () => lab.changes();
    first.announce({ prefixes: [PREFIX] }, path());
    expect(changes()).toEqual(["10.1.0.0/16"]);
    first.announce({ prefixes: [PREFIX] }, path());
    expect(changes()).toEqual([]);
    first.withdraw({ prefixes: [PREFIX] });
    first.announce({ prefixes: [PREFIX] }, path());
    expect(changes()).toEqual([]);
    lab.adjRibIn(ribPeer(B)).announce({ prefixes: [PREFIX] }, path({ localPref: 50 }));
    expect(changes()).toEqual([]);
    first.announce({ prefixes: [PREFIX] }, path({ med: 1 }));
    expect(changes()).toEqual(["10.1.0.0/16"]);
  });

  it("forgets a prefix without paths, and attributes that nobody has", () => {
    const lab = new RibLab();
    const rib = lab.adjRibIn(ribPeer(A), ({ attributes }) => ({ accept: true, attributes: { ...attributes, med: 3 } }));
    const prefixes: Prefix[] = Array.from({ length: 100 }, (_, index) => parsePrefix(`10.2.${index}.0/24`));
    rib.announce({ prefixes }, path());
    lab.settle();
    expect([lab.locRib.size, lab.locRib.store.size]).toEqual([100, 2]);
    rib.withdraw({ prefixes });
    lab.settle();
    expect([lab.locRib.size, lab.locRib.store.size, rib.size, rib.accepted]).toEqual([0, 0, 0, 0]);
  });

  it("finds equally good next hops together (multipath), and says which path decides", () => {
    const lab = new RibLab();
    for (const ip of [B, A])
      lab.adjRibIn(ribPeer(ip)).announce({ prefixes: [PREFIX] }, path({ nextHop: address4(ip) }));
    expect(lab.best(PREFIX)).toBe("peer 10.0.0.1: lowest BGP identifier");
    const { paths } = lab.explain(PREFIX);
    expect(paths).toMatchObject([
      { peer: "peer 10.0.0.1", verdict: "best", why: "lowest BGP identifier" },
      { peer: "peer 10.0.0.2", verdict: "multipath", why: 'as good as the best up to "lowest BGP identifier"' },
    ]);
  });
});

describe("explain", () => {
  it("says of each path at which step it lost", () => {
    const lab = new RibLab(({ address }) => ({ reachable: address !== address4("10.9.9.9"), metric: 0 }));
    lab.adjRibIn(ribPeer(A)).announce({ prefixes: [PREFIX] }, path());
    lab.adjRibIn(ribPeer(B)).announce({ prefixes: [PREFIX] }, path({ localPref: 50 }));
    lab.adjRibIn(ribPeer("10.0.0.3")).announce({ prefixes: [PREFIX] }, path({ origin: 2 }));
    lab.adjRibIn(ribPeer("10.0.0.4")).announce({ prefixes: [PREFIX] }, path({ nextHop: address4("10.9.9.9") }));
    lab
      .adjRibIn(ribPeer("10.0.0.5"), () => ({ accept: false, reason: "filter bgp_test" }))
      .announce({ prefixes: [PREFIX] }, path());
    lab.settle();
    const explained = lab.explain(PREFIX);
    expect(explained.paths.map(({ peer, verdict, why }) => `${peer} ${verdict}: ${why}`)).toEqual([
      "peer 10.0.0.1 best: lowest ORIGIN",
      "peer 10.0.0.2 lost: highest LOCAL_PREF",
      "peer 10.0.0.3 lost: lowest ORIGIN",
      "peer 10.0.0.4 lost: next hop is not reachable",
      "peer 10.0.0.5 refused: filter bgp_test",
    ]);
  });

  it("of an unknown prefix there is nothing to say", () => {
    expect(new RibLab().explain(PREFIX)).toEqual({
      prefix: PREFIX,
      paths: [],
    });
  });
});
