import type { TestLab } from "./lab.ts";

export interface PingReport {
  readonly received: number;
  /** Sequence numbers without an answer, below the last one answered: what was under way at the end does not count. */
  readonly missing: readonly number[];
}

/** A ping that goes on, a hundred a second, until it is stopped. */
export class SteadyPing {
  readonly #running: ReturnType<TestLab["start"]>;

  constructor(lab: TestLab, from: string, to: string) {
    this.#running = lab.start(from, "ping", "-n", "-i", "0.01", "-W", "1", to);
  }

  async stop(): Promise<PingReport> {
    this.#running.child.kill("SIGINT");
    const { stdout } = await this.#running.ended;
    const answered = new Set(
      [...stdout.matchAll(/bytes from .* icmp_seq=(\d+) ttl=/g)].map((match) => Number(match[1])),
    );
    const last = Math.max(0, ...answered);
    const missing = Array.from({ length: last }, (_, index) => index + 1).filter((sequence) => !answered.has(sequence));
    return { received: answered.size, missing };
  }
}
