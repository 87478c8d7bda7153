import { origin } from "@ocicat/kit";
import {
  baseChain,
  type Chain,
  chain,
  checkTable,
  element,
  goTo,
  inSet,
  interfaceName,
  jump,
  masquerade,
  meta,
  type NamedSet,
  rule,
  set,
  table,
  verdict,
  verdictFrom,
  verdictMap,
} from "@ocicat/nftables";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { References } from "../src/check/references.ts";

const why = origin("because of a test");
const WHERE = "table inet t";

/** Few names, so that what comes and goes often meets. */
const CHAINS = ["a", "b", "c", "d"] as const;
const SETS = ["m", "s"] as const;

const bodies = fc.oneof(
  fc.constantFrom(...CHAINS).map((to) => [verdict(jump(to))]),
  fc.constantFrom(...SETS).map((name) => [verdictFrom(meta("iifname"), name)]),
  fc.constantFrom(...SETS).map((name) => [inSet(meta("iifname"), name)]),
  fc.constant([masquerade({ fullyRandom: false })]),
);
const ruleLists = fc.array(
  bodies.map((body) => rule(why, ...body)),
  { maxLength: 2 },
);

const chains: fc.Arbitrary<Chain> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ name: fc.constantFrom(...CHAINS), rules: ruleLists })
      .map((of) => chain({ ...of, origin: why })),
  },
  fc
    .record({ name: fc.constantFrom("a", "base"), rules: ruleLists, hook: fc.constantFrom("postrouting", "output") })
    .map((of) => baseChain({ ...of, type: "nat", priority: 100, policy: "accept", origin: why })),
);

const sets: fc.Arbitrary<NamedSet> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom(...SETS),
      targets: fc.array(fc.constantFrom(...CHAINS), { maxLength: 2 }),
    })
    .map(({ name, targets }) => {
      const elements = targets.map((to, index) => element(why, interfaceName(`i${index}`), goTo(to)));
      return verdictMap({ name, key: "ifname", origin: why, elements });
    }),
  fc
    .record({ name: fc.constantFrom(...SETS), key: fc.constantFrom("ifname", "mark") })
    .map((of) => set({ ...of, origin: why })),
);

type Step =
  | { readonly put: "chain"; readonly chain: Chain }
  | { readonly put: "set"; readonly set: NamedSet }
  | { readonly drop: "chain" | "set"; readonly name: string }
  | { readonly verify: true };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    chains.map((one): Step => ({ put: "chain", chain: one })),
    sets.map((one): Step => ({ put: "set", set: one })),
    fc.constantFrom(...CHAINS, "base").map((name): Step => ({ drop: "chain", name })),
    fc.constantFrom(...SETS).map((name): Step => ({ drop: "set", name })),
    fc.constant<Step>({ verify: true }),
  ),
  { maxLength: 20 },
);

function outcome(run: () => void): "fits" | "refused" {
  try {
    run();
    return "fits";
  } catch (error) {
    expect(error).toMatchObject({ code: "NFT_INVALID" });
    return "refused";
  }
}

describe("what leads to what", () => {
  it("fits together after changes exactly if the whole does", () => {
    const seen = { fits: 0, refused: 0 };
    fc.assert(
      fc.property(steps, (history) => {
        const references = new References(WHERE);
        const has = { chains: new Map<string, Chain>(), sets: new Map<string, NamedSet>() };
        const forget = (name: string) => {
          for (const one of has.sets.get(name)?.elements ?? []) references.replaceElement(name, one, undefined);
          has.sets.delete(name);
        };
        for (const step of [...history, { verify: true } as const]) {
          if ("verify" in step) {
            const whole = table({
              family: "inet",
              name: "t",
              origin: why,
              chains: has.chains.values(),
              sets: has.sets.values(),
            });
            const said = outcome(() => references.verify());
            expect(said).toBe(outcome(() => checkTable(whole)));
            seen[said] += 1;
          } else if ("drop" in step && step.drop === "chain") {
            references.deleteChain(step.name);
            has.chains.delete(step.name);
          } else if ("drop" in step) {
            forget(step.name);
            references.deleteSet(step.name);
          } else if (step.put === "chain") {
            references.putChain(step.chain);
            has.chains.set(step.chain.name, step.chain);
          } else {
            forget(step.set.name);
            references.putSet(step.set);
            for (const one of step.set.elements) references.replaceElement(step.set.name, undefined, one);
            has.sets.set(step.set.name, step.set);
          }
        }
      }),
      { seed: 22, numRuns: 3000, endOnFailure: true },
    );
    expect(seen.fits).toBeGreaterThan(300);
    expect(seen.refused).toBeGreaterThan(300);
  });

  describe("a chain that does what some hooks do not have", () => {
    const nat = (hook: "postrouting" | "output", to: string) =>
      baseChain({
        name: "base",
        type: "nat",
        hook,
        priority: 100,
        policy: "accept",
        origin: why,
        rules: [rule(why, verdict(jump(to)))],
      });
    const masquerading = chain({ name: "b", origin: why, rules: [rule(why, masquerade({ fullyRandom: false }))] });
    const leadingTo = (to: string) => chain({ name: "a", origin: why, rules: [rule(why, verdict(jump(to)))] });
    const begin = () => {
      const references = new References(WHERE);
      references.putChain(masquerading);
      references.putChain(leadingTo("b"));
      references.verify();
      return references;
    };

    it("is refused when a hook comes to lead to it, by however many ways", () => {
      const references = begin();
      references.putChain(nat("output", "a"));
      expect(() => references.verify()).toThrow(/chain b: masquerade in output \(from base chain base\)/);
      references.putChain(nat("postrouting", "a"));
      expect(() => references.verify()).not.toThrow();
    });

    it("is refused when the hook that leads to it becomes another", () => {
      const references = begin();
      references.putChain(nat("postrouting", "a"));
      references.verify();
      references.putChain(nat("output", "a"));
      expect(() => references.verify()).toThrow(/masquerade in output/);
    });

    it("is refused when a chain behind a hook comes to lead to it", () => {
      const references = new References(WHERE);
      references.putChain(chain({ name: "c", origin: why, rules: [] }));
      references.putChain(leadingTo("c"));
      references.putChain(nat("output", "a"));
      references.putChain(masquerading);
      references.verify();
      references.putChain(leadingTo("b"));
      expect(() => references.verify()).toThrow(/masquerade in output/);
    });
  });

  it("is at most sixteen levels deep, also where the way grows from its end", () => {
    const references = new References(WHERE);
    const link = (from: number, to: number | undefined) =>
      references.putChain(
        chain({ name: `c${from}`, origin: why, rules: to === undefined ? [] : [rule(why, verdict(jump(`c${to}`)))] }),
      );
    link(15, undefined);
    for (let at = 14; at >= 0; at--) link(at, at + 1);
    references.verify();
    link(16, undefined);
    link(15, 16);
    expect(() => references.verify()).toThrow(/more than 16 levels of chains by way of c15 → c16/);
    link(15, undefined);
    expect(() => references.verify()).not.toThrow();
  });
});
