/** A speaker is told mutations of what four daemons have said on the wire. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fuzz } from "../packages/bgp/test/fuzz/run.ts";
import type { SoakOptions } from "./options.ts";

const MESSAGES = 1_000_000;
/** What is held at the end over what is held at half time. */
const FLAT = 1.1;

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
      memory.push(held());
      say(`${done} messages, ${memory.at(-1)?.toFixed(1)} MiB held`);
    },
  });
  for (const [fate, count] of Object.entries(fates)) say(`${String(count).padStart(8)} UPDATEs: ${fate}`);
  say(`${String(otherResets).padStart(8)} other messages ended the session`);
  const [half, end] = [memory[Math.floor(memory.length / 2) - 1], memory.at(-1)];
  if (half !== undefined && end !== undefined && end > half * FLAT) {
    throw new Error(`what is held grew from ${half.toFixed(1)} to ${end.toFixed(1)} MiB in the second half`);
  }
  await Promise.resolve();
}

/** MiB that are left after a collection: what the process has of the system depends on when it last felt like one. */
function held(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}
