import type { Clock, Random, Timer } from "@ocicat/kit";

/** Whoever waits for a turn. What belongs to one that has died is never called again. */
export interface Life {
  isAlive: boolean;
}

interface Waiting {
  readonly life: Life;
  readonly resume: () => void;
}

interface Alarm extends Waiting {
  readonly at: number;
}

export const IMMORTAL: Life = { isAlive: true };

/**
 * Everything that happens in a simulation happens here, one thing at a time, in an order that a seed decides. Whoever
 * would wait for the world (a store, a clock) waits for a turn instead.
 */
export class Scheduler {
  readonly #random: Random;
  #waiting: Waiting[] = [];
  #alarms: Alarm[] = [];
  #time = Date.UTC(2026, 0, 1);
  turns = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** True once in `n` on average. */
  oneIn(n: number): boolean {
    return this.#random.uint32() % n === 0;
  }

  /** 0 … n-1. */
  below(n: number): number {
    return this.#random.uint32() % n;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  turn(life: Life): Promise<void> {
    return new Promise((resume) => this.#waiting.push({ life, resume }));
  }

  /** Runs something at some later turn, whoever has died until then. */
  later(run: () => Promise<unknown>): void {
    this.#waiting.push({ life: IMMORTAL, resume: () => void run().catch(() => {}) });
  }

  clock(life: Life): Clock {
    return {
      now: () => this.#time,
      monotonic: () => this.#time,
      after: (ms, _name, callback): Timer => {
        const alarm: Alarm = { life, at: this.#time + ms, resume: callback };
        this.#alarms.push(alarm);
        const cancel = () => {
          this.#alarms = this.#alarms.filter((other) => other !== alarm);
        };
        return { cancel };
      },
    };
  }

  advance(ms: number): void {
    this.#time += ms;
  }

  /** Until `isDone`, and then until nothing that was begun is left. Throws if everything waits for ever. */
  async run(isDone: () => boolean): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#waiting = this.#waiting.filter(({ life }) => life.isAlive);
      this.#alarms = this.#alarms.filter(({ life }) => life.isAlive);
      if (this.#waiting.length === 0 && isDone()) return;
      if (this.#waiting.length === 0 && this.#alarms.length === 0) throw new Error("everybody waits for ever");
      this.#step();
    }
  }

  #step(): void {
    this.turns += 1;
    this.#time += this.below(20);
    if (this.#waiting.length === 0 || (this.#alarms.length > 0 && this.oneIn(6))) {
      const next = this.#alarms.reduce((first, alarm) => (alarm.at < first.at ? alarm : first));
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#time = Math.max(this.#time, next.at);
      next.resume();
      return;
    }
    const [next] = this.#waiting.splice(this.below(this.#waiting.length), 1);
    next?.resume();
  }
}
