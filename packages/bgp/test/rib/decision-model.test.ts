import { formatAddress, parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AdjRibIn } from "../../src/rib/adj-rib-in.ts";
import type { RibPeer } from "../../src/rib/sources.ts";
import { COMMUNITY } from "../../src/wire/attributes/communities.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { address4 } from "../support/lab.ts";
import { type ReferencePath, referenceBest } from "../support/reference-decision.ts";
import { path, RibLab, ribPeer } from "../support/rib.ts";

const PREFIXES = ["10.1.0.0/16", "10.2.0.0/16"].map((text) => parsePrefix(text));
const PEERS = [
  ribPeer("10.0.0.1"),
  ribPeer("10.0.0.2", { routerId: address4("9.9.9.9") }),
  ribPeer("10.0.0.3", { as: 7, internal: false, routerId: address4("9.9.9.9") }),
  ribPeer("10.0.0.4", { as: 8, internal: false, routerId: address4("1.1.1.1") }),
];
const HOPS = ["10.0.1.1", "10.0.1.2", "10.0.1.3"].map(address4);

/** What was told and not withdrawn, by who told it: "prefix peer pathId". */
class Model {
  readonly paths = new Map<string, ReferencePath & { readonly prefix: string }>();
  readonly own = new Set<string>();
  readonly metrics = new Map<unknown, number>(HOPS.map((hop, index) => [hop, index]));
  readonly down = new Set<unknown>();

  best(prefix: string): ReferencePath | undefined {
    const candidates: ReferencePath[] = [...this.paths.values()]
      .filter((one) => one.prefix === prefix && !this.down.has(one.attributes.nextHop))
      .map((one) => ({ ...one, metric: this.metrics.get(one.attributes.nextHop) ?? 0 }));
    if (this.own.has(prefix)) candidates.push({ peer: undefined, attributes: path(), metric: 0, pathId: 0 });
    return referenceBest(candidates);
  }
}

class Real extends RibLab {
  readonly ribs: readonly AdjRibIn[];

  constructor(model: Model) {
    super(({ address }) => ({ reachable: !model.down.has(address), metric: model.metrics.get(address) ?? 0 }));
    this.ribs = PEERS.map((peer) => this.adjRibIn(peer));
  }

  /** Everything that was decided agrees with the reference. */
  check(model: Model): void {
    this.settle();
    for (const prefix of PREFIXES) {
      const expected = model.best(prefix.toString());
      const id = this.locRib.prefixes.find(prefix);
      const best = id === undefined ? undefined : this.locRib.told(id);
      const source = best && this.locRib.sources.peer(best.source);
      expect([best !== undefined, source?.name]).toEqual([expected !== undefined, expected?.peer?.name]);
      if (best !== undefined && expected?.peer !== undefined)
        expect(this.locRib.store.attributes(best.set)).toEqual(expected.attributes);
    }
  }
}

interface Told {
  readonly peer: number;
  readonly prefix: number;
  readonly pathId: number;
}

const told: fc.Arbitrary<Told> = fc.record({
  peer: fc.nat(PEERS.length - 1),
  prefix: fc.nat(PREFIXES.length - 1),
  pathId: fc.nat(1),
});

const attributes = fc.record({
  localPref: fc.constantFrom(100, 100, 100, 200),
  origin: fc.constantFrom(0 as const, 0 as const, 1 as const),
  med: fc.option(fc.nat(2), { nil: undefined }),
  asns: fc.array(fc.constantFrom(7, 8), { maxLength: 2 }),
  hop: fc.constantFrom(...HOPS),
  originator: fc.option(fc.constantFrom("1.1.1.2", "8.8.8.8"), { nil: undefined }),
  clusters: fc.nat(2),
  stale: fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0),
});

function attributesOf(
  peer: RibPeer,
  drawn: typeof attributes extends fc.Arbitrary<infer T> ? T : never,
): PathAttributes {
  const { localPref, origin, med, asns, hop, originator, clusters, stale } = drawn;
  const first = peer.internal ? [] : [peer.as];
  const all = [...first, ...asns];
  const reflected = peer.internal && originator !== undefined;
  return path({
    localPref,
    origin,
    nextHop: hop,
    asPath: all.length === 0 ? [] : [{ type: "sequence", asns: all }],
    ...(med !== undefined && { med }),
    ...(stale && { communities: [COMMUNITY.llgrStale] }),
    ...(reflected && { originatorId: address4(originator) }),
    ...(reflected && clusters > 0 && { clusterList: Array.from({ length: clusters }, () => address4("5.5.5.5")) }),
  });
}

class Announce implements fc.Command<Model, Real> {
  readonly told: Told;
  readonly attributes: PathAttributes;

  constructor(route: Told, drawn: Parameters<typeof attributesOf>[1]) {
    this.told = route;
    this.attributes = attributesOf(at(PEERS, route.peer), drawn);
  }

  check = () => true;

  run(model: Model, real: Real): void {
    const { peer, prefix, pathId } = this.told;
    const target = at(PREFIXES, prefix);
    const told = { peer: at(PEERS, peer), attributes: this.attributes, metric: 0, pathId, prefix: target.toString() };
    model.paths.set(`${target} ${peer} ${pathId}`, told);
    at(real.ribs, peer).announce({ prefixes: [target], pathIds: [pathId] }, this.attributes);
    real.check(model);
  }

  toString = () =>
    `${this.told.peer}/${this.told.pathId} announces ${this.told.prefix} via ${formatAddress(this.attributes.nextHop)}`;
}

class Withdraw implements fc.Command<Model, Real> {
  readonly told: Told;

  constructor(route: Told) {
    this.told = route;
  }

  check = () => true;

  run(model: Model, real: Real): void {
    const { peer, prefix, pathId } = this.told;
    const target = at(PREFIXES, prefix);
    model.paths.delete(`${target} ${peer} ${pathId}`);
    at(real.ribs, peer).withdraw({ prefixes: [target], pathIds: [pathId] });
    real.check(model);
  }

  toString = () => `${this.told.peer}/${this.told.pathId} withdraws ${this.told.prefix}`;
}

class Own implements fc.Command<Model, Real> {
  readonly prefix: number;
  readonly there: boolean;

  constructor(prefix: number, there: boolean) {
    this.prefix = prefix;
    this.there = there;
  }

  check = () => true;

  run(model: Model, real: Real): void {
    const prefix = at(PREFIXES, this.prefix);
    if (this.there) {
      model.own.add(prefix.toString());
      real.own.announce({ prefix, origin: "test" });
    } else {
      model.own.delete(prefix.toString());
      real.own.withdraw(prefix);
    }
    real.check(model);
  }

  toString = () => `${this.there ? "own" : "disown"} ${this.prefix}`;
}

class Hop implements fc.Command<Model, Real> {
  readonly hop: number;
  readonly metric: number | undefined;

  constructor(hop: number, metric: number | undefined) {
    this.hop = hop;
    this.metric = metric;
  }

  check = () => true;

  run(model: Model, real: Real): void {
    const hop = at(HOPS, this.hop);
    if (this.metric === undefined) model.down.add(hop);
    else {
      model.down.delete(hop);
      model.metrics.set(hop, this.metric);
    }
    real.locRib.nextHopsChanged([hop]);
    real.check(model);
  }

  toString = () => `next hop ${this.hop} ${this.metric === undefined ? "down" : `at ${this.metric}`}`;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no number ${index}`);
  return item;
}

const commands = fc.commands(
  [
    fc.tuple(told, attributes).map(([route, drawn]) => new Announce(route, drawn)),
    told.map((route) => new Withdraw(route)),
    fc.tuple(fc.nat(1), fc.boolean()).map(([prefix, there]) => new Own(prefix, there)),
    fc.tuple(fc.nat(2), fc.option(fc.nat(2), { nil: undefined })).map(([hop, metric]) => new Hop(hop, metric)),
  ],
  { maxCommands: 40 },
);

describe("the decision process", () => {
  it("chooses what the text of the RFCs chooses, whatever comes in whichever order", () => {
    fc.assert(
      fc.property(commands, (order) => {
        const model = new Model();
        fc.modelRun(() => ({ model, real: new Real(model) }), order);
      }),
      { seed: 9, numRuns: 300 },
    );
  });
});
