import { TestLab } from "../e2e/support/lab.ts";
import { PolicyChaos } from "../e2e/support/policy-chaos.ts";
import type { SoakOptions } from "./options.ts";

const RESTARTS = 20;
const REWRITES = 1_000;
const FLUSHES = 100;
/** The datastore's absence. */
const AWAY_S = 60;

/** What e2e/policy-chaos.test.ts does in short, at full size: `--operations` rewrites, `--seconds` without the datastore. */
export async function run({ operations = REWRITES, seconds = AWAY_S }: SoakOptions, say: (line: string) => void) {
  const lab = new TestLab();
  const chaos = new PolicyChaos(lab);
  const steps: readonly (readonly [string, () => Promise<void>])[] = [
    [`agent killed and started again ${RESTARTS} times`, () => chaos.restartAgent("node1", RESTARTS)],
    [`policies rewritten ${operations} times`, () => chaos.rewritePolicies(operations)],
    [`datastore away for ${seconds} s`, () => chaos.datastoreAway(seconds * 1_000)],
    [`nftables flushed ${FLUSHES} times`, () => chaos.flushTables("node1", FLUSHES)],
  ];
  try {
    await lab.up();
    await chaos.prepare();
    for (const [what, work] of steps) {
      const { denied, allowed } = await chaos.during(work);
      say(`${what}: ${denied.sent} packets kept out, ${allowed.received} let in, none otherwise`);
    }
  } finally {
    await lab.down();
  }
}
