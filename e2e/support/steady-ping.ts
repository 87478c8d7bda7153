import { eventually, type TestLab } from "./lab.ts";

export interface PingReport {
  readonly received: number;
  /**
   * Sequence numbers without an answer between the first and the last one answered: neither does count what was sent before
   * the nodes had found each other, nor what was under way at the end. Whoever changes something waits for answers before.
   */
  readonly missing: readonly number[];
  /** The longest time without an answer, in milliseconds. What is sent more often than every 10 ms may be sent later than asked. */
  readonly longestGapMs: number;
}

/** A ping that goes on, a hundred a second unless told, until it is stopped. */
export class SteadyPing {
  readonly #running: ReturnType<TestLab["start"]>;
  #answers = 0;

  constructor(lab: TestLab, from: string, to: string, intervalS = 0.01) {
    this.#running = lab.start(from, "ping", "-n", "-D", "-i", String(intervalS), "-W", "1", to);
    this.#running.child.stdout?.on("data", (chunk: Buffer) => {
      this.#answers += chunk.toString().split("\n").length - 1;
    });
  }

  /** Resolves when this many more have been answered: packets are under way. */
  async answered(more: number): Promise<void> {
    const goal = this.#answers + more;
    await eventually(
      () => this.#answers,
      (answers) => answers >= goal,
    );
  }

  async stop(): Promise<PingReport> {
    this.#running.child.kill("SIGINT");
    const { stdout } = await this.#running.ended;
    const answered = new Set(
      [...stdout.matchAll(/bytes from .* icmp_seq=(\d+) ttl=/g)].map((match) => Number(match[1])),
    );
    let [first, last] = [Number.POSITIVE_INFINITY, 0];
    for (const sequence of answered) [first, last] = [Math.min(first, sequence), Math.max(last, sequence)];
    const missing: number[] = [];
    for (let sequence = first; sequence < last; sequence++) if (!answered.has(sequence)) missing.push(sequence);
    return { received: answered.size, missing, longestGapMs: longestGap(stdout) };
  }
}

/** By the time that stands before each answer, in seconds: `[1760000000.123456] 64 bytes from …`. */
function longestGap(stdout: string): number {
  const times = [...stdout.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, time]) => Number(time) * 1000);
  return times.reduce((longest, time, at) => (at === 0 ? 0 : Math.max(longest, time - (times[at - 1] ?? time))), 0);
}
