import { Simulation } from "../packages/ipam/test/simulation/simulation.ts";
import type { SoakOptions } from "./options.ts";

const OPERATIONS = 100_000;

/** Twenty nodes over three pools; prints how often what happened. */
export async function run({ operations = OPERATIONS, seed }: SoakOptions, say: (line: string) => void): Promise<void> {
  say(`${operations} operations, --seed ${seed}`);
  const simulation = new Simulation({ seed, mode: "mixed", operations });
  await simulation.run();
  for (const [what, count] of [...simulation.tally].sort()) say(`${String(count).padStart(8)} ${what}`);
  say(`${simulation.turns} turns`);
}
