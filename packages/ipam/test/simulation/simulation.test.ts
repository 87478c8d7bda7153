import { describe, expect, it } from "vitest";
import { type Mode, Simulation } from "./simulation.ts";

const RUNS = Number(process.env.OCICAT_SIM_RUNS ?? 500);
const FIRST_SEED = 20261121;

const MODES = ["transactions", "singles", "mixed"] as const;

/** The seed to replay, with everything that happens printed. */
const REPLAY = process.env.OCICAT_SIM_SEED;

async function simulate(seed: number, mode: Mode, trace?: (line: string) => void): Promise<number> {
  const simulation = new Simulation({ seed, mode, ...(trace && { trace }) });
  try {
    await simulation.run();
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`seed ${seed} (replay: OCICAT_SIM_SEED=${seed}): ${what}`, { cause: error });
  }
  return simulation.turns;
}

describe.each(MODES)("nodes that crash, over a store that fails, writing in mode %s", (mode) => {
  if (REPLAY !== undefined) {
    it(`seed ${REPLAY}`, async () => {
      await simulate(Number(REPLAY), mode, (line) => console.log(line));
    });
    return;
  }

  it(`never give an address twice, lose none, and end sound, in ${RUNS} interleavings`, { timeout: 0 }, async () => {
    let turns = 0;
    for (let run = 0; run < RUNS; run++) turns += await simulate(FIRST_SEED + run, mode);
    expect(turns).toBeGreaterThan(RUNS * 20);
  });

  it("take the same steps for the same seed", async () => {
    const lines: [string[], string[]] = [[], []];
    for (const trace of lines) await simulate(FIRST_SEED, mode, (line) => trace.push(line));
    expect(lines[0]).toEqual(lines[1]);
    expect(lines[0].length).toBeGreaterThan(20);
  });
});

describe("a large cluster whose operator changes everything", () => {
  /** What must have happened in it, or it shows less than it says. */
  const MUST_HAPPEN = [
    "crash",
    "borrowed",
    "taken over",
    "held already",
    "families 4+6",
    "asked for by address",
    "pool a",
    "pool b",
    "pool six",
    "pool services",
    "config",
    "reserve",
    "disable",
    "delete",
    "split",
    "a block of a pool turned away",
    "IPAM_EXHAUSTED",
    "IPAM_NO_POOL",
  ];

  it("gives no address twice, loses none, and ends sound", { timeout: 120_000 }, async () => {
    const simulation = new Simulation({ seed: FIRST_SEED, mode: "mixed", operations: 1500 });
    await simulation.run();
    expect([...simulation.tally.keys()]).toEqual(expect.arrayContaining(MUST_HAPPEN));
  });
});
