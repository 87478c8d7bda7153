import { KUBERNETES_CASES, wrongInKernel } from "../packages/enforcement/test/kernel/support/kubernetes-cases.ts";
import { search } from "../packages/enforcement/test/kernel/support/search.ts";
import type { SoakOptions } from "./options.ts";

/** Sets of policies, each with and without host endpoints. */
const SETS = 200;
/** Packets between two ends of one family. */
const EACH = 4;

/**
 * Does the kernel do to packets what Kubernetes says of each case, and what the model says of random policies? A failure tells its seed: `--seed SEED
 * --operations 1`.
 */
export function run({ operations = SETS, seed }: SoakOptions, say: (line: string) => void): Promise<void> {
  const wrong = wrongInKernel(KUBERNETES_CASES);
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  say(`${KUBERNETES_CASES.length} cases of Kubernetes' policies`);
  const seeds = Array.from({ length: operations }, (_, index) => seed + index);
  for (const hosts of [false, true]) {
    const packets = search({ seeds, each: EACH, way: "changes", hosts });
    say(`${seeds.length} sets of policies ${hosts ? "with" : "without"} host endpoints, ${packets} packets`);
  }
  return Promise.resolve();
}
