import type { Clock } from "@ocicat/kit";

/** Real time, for tests against other processes. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, _name, callback) {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Waits for a fact; fails with `what` and its last value after `ms`. */
export async function eventually<T>(what: string, read: () => T, holds: (value: T) => boolean, ms = 8000): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    const value = read();
    if (holds(value)) return value;
    if (performance.now() > until)
      throw new Error(`${what} did not come within ${ms} ms; last seen:\n${String(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
