import type { Random } from "./random.ts";

export interface BackoffOptions {
  /** First delay in milliseconds. */
  readonly initialMs: number;
  /** Ceiling in milliseconds. */
  readonly maxMs: number;
  /** Growth per attempt; 2 unless told. */
  readonly factor?: number;
}

/** Exponential back-off with full jitter in the upper half: a crowd that failed together does not come back together. */
export interface Backoff {
  /** The next delay in milliseconds, in [half, whole] of the current step. */
  next(): number;
  /** Call after a success. */
  reset(): void;
}

export function createBackoff(random: Random, options: BackoffOptions): Backoff {
  const factor = options.factor ?? 2;
  let step = options.initialMs;
  return {
    next() {
      const whole = Math.min(step, options.maxMs);
      step = Math.min(step * factor, options.maxMs);
      return whole / 2 + (whole / 2) * (random.uint32() / 2 ** 32);
    },
    reset() {
      step = options.initialMs;
    },
  };
}
