import { type Explored, explore } from "./explore.ts";
import type { Misfortune } from "./run.ts";
import { MODES, type Mode, scenarios } from "./scenario.ts";

/** What is looked through in full: everything that can go right, and everything that can go wrong once. */
export interface Pass {
  readonly name: string;
  readonly few: boolean;
  readonly misfortune: Misfortune;
}

export const PASSES: readonly Pass[] = [
  { name: "undisturbed", few: false, misfortune: { crashes: 0, faults: 0 } },
  { name: "with a write lost, refused, answered to nobody or late", few: true, misfortune: { crashes: 0, faults: 1 } },
  { name: "with a node that dies", few: true, misfortune: { crashes: 1, faults: 0 } },
];

export interface PassResult extends Explored {
  readonly scenarios: number;
}

/** `sample`: every how manieth scenario. Throws with the story of the first broken promise. */
export async function lookThrough(pass: Pass, mode: Mode, sample = 1, offset = 0): Promise<PassResult> {
  const total = { scenarios: 0, states: 0, ends: 0 };
  let number = 0;
  for (const scenario of scenarios(mode, pass.few)) {
    if (number++ % sample !== offset) continue;
    const { states, ends } = await explore(scenario, pass.misfortune);
    total.scenarios += 1;
    total.states += states;
    total.ends += ends;
  }
  return total;
}

export const ALL_MODES = Object.keys(MODES) as readonly Mode[];
