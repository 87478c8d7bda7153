import { formatAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { explore } from "./explore.ts";
import { lookThrough, PASSES } from "./passes.ts";
import { BLOCK, MODES, type Mode, scenarios } from "./scenario.ts";

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

/** Scenarios in which a promise was broken once. */
const STORIES = [
  `transactions, an empty store: a give-up ${BLOCK} b then add a2 1, b give-up ${BLOCK} a`,
  `transactions, a block each, in use: a del a0 and ask a2 ${formatAddress(BLOCK.nth(1))}, b give-up ${BLOCK} a`,
];

it.each(STORIES)("%s: no order of things breaks a promise again", { timeout: 120_000 }, async (title) => {
  const mode = title.split(",")[0] as Mode;
  const scenario = Iterator.from(scenarios(mode, false)).find((candidate) => candidate.title === title);
  if (scenario === undefined) throw new Error("there is no such scenario any more");
  const { states } = await explore(scenario, { crashes: 0, faults: 0 });
  expect(states).toBeGreaterThan(20);
});

it("a story is told again as it was: the same states, the same ends", async () => {
  const [scenario] = scenarios("mixed", true);
  if (scenario === undefined) throw new Error("there are no scenarios");
  const misfortune = { crashes: 0, faults: 0 };
  expect(await explore(scenario, misfortune)).toEqual(await explore(scenario, misfortune));
});
