import { describe, expect, it } from "vitest";
import { Simulation } from "./simulation.ts";

const RUNS = Number(process.env.OCICAT_SIM_RUNS ?? 1000);
const FIRST_SEED = 20261121;

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

/** The seed to replay, with everything that happens printed. */
const REPLAY = process.env.OCICAT_SIM_SEED;

async function simulate(seed: number, transactions: boolean, trace?: (line: string) => void): Promise<number> {
  const simulation = new Simulation({ seed, transactions, ...(trace && { trace }) });
  try {
    await simulation.run();
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed} (replay: OCICAT_SIM_SEED=${seed}): ${what}`, { cause: error });
  }
  return simulation.turns;
}

describe.each(MODES)("nodes that crash, over a store that fails, $mode", ({ transactions }) => {
  if (REPLAY !== undefined) {
    it(`seed ${REPLAY}`, async () => {
      await simulate(Number(REPLAY), transactions, (line) => console.log(line));
    });
    return;
  }

  it(`never give an address twice, lose none, and end sound, in ${RUNS} interleavings`, { timeout: 0 }, async () => {
    let turns = 0;
    for (let run = 0; run < RUNS; run++) turns += await simulate(FIRST_SEED + run, transactions);
    expect(turns).toBeGreaterThan(RUNS * 20);
  });

  it("take the same steps for the same seed", async () => {
    const lines: [string[], string[]] = [[], []];
    for (const trace of lines) await simulate(FIRST_SEED, transactions, (line) => trace.push(line));
    expect(lines[0]).toEqual(lines[1]);
    expect(lines[0].length).toBeGreaterThan(20);
  });
});
