import { ALL_MODES, lookThrough, PASSES } from "../packages/ipam/test/model/passes.ts";
import type { SoakOptions } from "./options.ts";

/** Every scenario of every pass; `--share 2/3`: the second third of them, for as many processes. */
export async function run({ share }: SoakOptions, say: (line: string) => void): Promise<void> {
  const [part = 1, parts = 1] = share.split("/").map(Number);
  for (const pass of PASSES) {
    for (const mode of ALL_MODES) {
      const { scenarios, states, ends } = await lookThrough(pass, mode, parts, part - 1);
      say(`${pass.name}, ${mode}: ${scenarios} scenarios, ${states} states, ${ends} ends`);
    }
  }
}
