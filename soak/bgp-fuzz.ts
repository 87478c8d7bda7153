/** A speaker is told mutations of what four daemons have said on the wire. */
import { fuzz } from "../packages/bgp/test/fuzz/run.ts";
import type { SoakOptions } from "./main.ts";

const MESSAGES = 1_000_000;
/** Memory at the end over that after the first tenth. */
const FLAT = 1.25;

export async function run(options: SoakOptions, say: (line: string) => void): Promise<void> {
  const { operations = MESSAGES, seed, skip = 0 } = options;
  say(`${operations} messages, --seed ${seed}`);
  const memory: number[] = [];
  const { fates, otherResets } = fuzz({
    seed,
    messages: operations,
    skip,
    onProgress: (done) => {
      if (done % Math.max(10_000, Math.floor(operations / 10)) !== 0) return;
      memory.push(process.memoryUsage().rss / 2 ** 20);
      say(`${done} messages, ${memory.at(-1)?.toFixed(0)} MiB`);
    },
  });
  for (const [fate, count] of Object.entries(fates)) say(`${String(count).padStart(8)} UPDATEs: ${fate}`);
  say(`${String(otherResets).padStart(8)} other messages ended the session`);
  const [first, last] = [memory[0], memory.at(-1)];
  if (first !== undefined && last !== undefined && last > first * FLAT) {
    throw new Error(`memory grew from ${first.toFixed(0)} to ${last.toFixed(0)} MiB`);
  }
  await Promise.resolve();
}
