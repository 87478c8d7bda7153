import fc from "fast-check";
import { INDEX_PROPERTIES } from "../packages/policy/test/support/index-properties.ts";
import type { SoakOptions } from "./options.ts";

const CHUNK = 1_000;

/** Random sequences of changes; fast-check makes the first that breaks a promise small, and tells its seed and path. */
export async function run({ operations = 20_000, seed }: SoakOptions, say: (line: string) => void): Promise<void> {
  for (const [name, property] of Object.entries(INDEX_PROPERTIES)) {
    for (let done = 0; done < operations; done += CHUNK) {
      fc.assert<unknown[]>(property, { numRuns: Math.min(CHUNK, operations - done), seed: seed + done });
      // The process hears signals in between.
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    say(`${operations} times: ${name}`);
  }
}
