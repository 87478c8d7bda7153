import { describe, expect, it } from "vitest";
import { explore } from "./explore.ts";
import { lookThrough, PASSES } from "./passes.ts";
import { MODES, type Mode, scenarios } from "./scenario.ts";

/** Every how manieth scenario is looked through here; all of them with `npm run soak -- ipam-model`. */
const SAMPLES: Readonly<Record<string, Readonly<Record<Mode, number>>>> = {
  undisturbed: { transactions: 211, singles: 509, mixed: 331 },
  "with a write lost, refused, answered to nobody or late": { transactions: 31, singles: 67, mixed: 71 },
  "with a node that dies": { transactions: 127, singles: 127, mixed: 103 },
};

describe.each(PASSES)("two nodes, two blocks, three operations, $name", (pass) => {
  it.each(Object.keys(MODES) as Mode[])(
    "in mode %s: no order of things breaks a promise",
    { timeout: 120_000 },
    async (mode) => {
      const sample = SAMPLES[pass.name]?.[mode] ?? 1;
      const { scenarios: count, states, ends } = await lookThrough(pass, mode, sample, sample >> 1);
      expect(count).toBeGreaterThan(0);
      expect(states).toBeGreaterThan(20 * count);
      expect(ends).toBeGreaterThan(count / 2);
    },
  );
});

it("a story is told again as it was: the same states, the same ends", async () => {
  const [scenario] = scenarios("mixed", true);
  if (scenario === undefined) throw new Error("there are no scenarios");
  const misfortune = { crashes: 0, faults: 0 };
  expect(await explore(scenario, misfortune)).toEqual(await explore(scenario, misfortune));
});
