/** A pending call. Cancelling one that has fired, or cancelling twice, does nothing. */
export interface Timer {
  cancel(): void;
}

/** The only source of time. The core never calls Date.now() or setTimeout(): it is handed one of these. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For timestamps that people read. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For measuring and for deadlines. */
  monotonic(): number;
  /** Calls `callback` once, `ms` milliseconds from now (0 or less: as soon as possible, never synchronously). `name` is for diagnostics. */
  after(ms: number, name: string, callback: () => void): Timer;
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly name: string;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. Timers fire in order of their time, then of their making. */
export class TestClock implements Clock {
  #now: number;
  #elapsed = 0;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#now = epoch;
  }

  now(): number {
    return this.#now + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, name: string, callback: () => void): Timer {
    const entry: Pending = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, name, callback };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  /** Names of the timers that wait, soonest first. */
  waiting(): string[] {
    return this.#sorted().map((entry) => entry.name);
  }

  /** Moves time on by `ms` milliseconds and fires what falls due, including timers made by what fires. */
  advance(ms: number): void {
    const until = this.#elapsed + ms;
    for (;;) {
      const next = this.#sorted()[0];
      if (next === undefined || next.at > until) break;
      this.#elapsed = next.at;
      this.#pending.delete(next);
      next.callback();
    }
    this.#elapsed = until;
  }

  #sorted(): Pending[] {
    return [...this.#pending].sort((a, b) => a.at - b.at || a.order - b.order);
  }
}
