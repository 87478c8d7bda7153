import type { Clock, Random, Timer } from "@ocicat/kit";

interface Entry {
  deadline: number;
  timer: Timer;
}

/**
 * Named timers that are started again far more often than they fire: a hold timer starts anew with each message. A later
 * deadline only moves the entry; the clock's timer, when it fires early, waits for the rest.
 */
export class Timers {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** `jitter` takes off a random part of up to a quarter (RFC 4271 §10). */
  start(name: string, ms: number, jitter: boolean, callback: () => void): void {
    const delay = jitter ? ms * (1 - this.#random.uint32() / 2 ** 34) : ms;
    const deadline = this.#clock.monotonic() + delay;
    const entry = this.#entries.get(name);
    if (entry !== undefined && entry.deadline <= deadline) {
      entry.deadline = deadline;
      return;
    }
    entry?.timer.cancel();
    const created: Entry = { deadline, timer: { cancel: () => undefined } };
    this.#entries.set(name, created);
    this.#arm(name, created, delay, callback);
  }

  stop(name: string): void {
    this.#entries.get(name)?.timer.cancel();
    this.#entries.delete(name);
  }

  stopAll(): void {
    for (const name of this.#entries.keys()) this.stop(name);
  }

  #arm(name: string, entry: Entry, delay: number, callback: () => void): void {
    entry.timer = this.#clock.after(delay, name, () => {
      const left = entry.deadline - this.#clock.monotonic();
      if (left > 0) {
        this.#arm(name, entry, left, callback);
        return;
      }
      this.#entries.delete(name);
      callback();
    });
  }
}
