/** A speaker is told mutations of what four daemons have said on the wire. */
import { fuzz } from "../packages/bgp/test/fuzz/run.ts";
import type { SoakOptions } from "./main.ts";

const MESSAGES = 1_000_000;
/** Memory at the end over that at half time. */
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
  const [half, end] = [memory[Math.floor(memory.length / 2) - 1], memory.at(-1)];
  if (half !== undefined && end !== undefined && end > half * FLAT) {
    throw new Error(`memory grew from ${half.toFixed(0)} to ${end.toFixed(0)} MiB in the second half`);
  }
  await Promise.resolve();
}
