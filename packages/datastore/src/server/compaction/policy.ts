/** How much history is kept. Both bounds hold: what is older, or further back, than one of them goes. */
export interface CompactionPolicy {
  /** Milliseconds. */
  readonly keepMs: number;
  readonly keepRevisions: number;
}

/**
 * Long enough for any client to come back after a restart and go on where it was (one that comes later lists again);
 * short enough that a busy store stays small. Kubernetes compacts its etcd after five minutes.
 */
export const DEFAULT_COMPACTION: CompactionPolicy = { keepMs: 10 * 60_000, keepRevisions: 100_000 };

/** Remembers when the store was at which revision, as far as the policy needs it. Times are a clock's milliseconds. */
export class HistoryAge {
  readonly #policy: CompactionPolicy;
  #samples: { readonly at: number; readonly revision: number }[] = [];

  constructor(policy: CompactionPolicy) {
    this.#policy = policy;
  }

  /** The revision to compact to, given where the store is now. May be below what is compacted already, or 0. */
  target(now: number, revision: number): number {
    this.#samples.push({ at: now, revision });
    const old = this.#samples.findLastIndex((sample) => now - sample.at >= this.#policy.keepMs);
    this.#samples = this.#samples.slice(Math.max(0, old));
    const byAge = old < 0 ? 0 : (this.#samples[0]?.revision ?? 0);
    return Math.max(byAge, revision - this.#policy.keepRevisions);
  }
}
