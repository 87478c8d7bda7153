import type { Clock, Timer } from "@ocicat/kit";

interface Deadline {
  readonly at: number;
  readonly onExpiry: () => void;
}

/** Deadlines of all calls under one timer: to begin and end a call costs a set operation, not a timer. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #pending = new Set<Deadline>();
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onExpiry` in `ms` milliseconds, unless the function returned is called before. */
  add(ms: number, onExpiry: () => void): () => void {
    const deadline: Deadline = { at: this.#clock.monotonic() + ms, onExpiry };
    this.#pending.add(deadline);
    if (deadline.at < this.#timerAt) this.#arm(deadline.at);
    return () => void this.#pending.delete(deadline);
  }

  close(): void {
    this.#timer?.cancel();
    this.#pending.clear();
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    // One more turn of the event loop: after a stall of this process the answers may wait in the socket, unread.
    const ring = () => {
      this.#timer = this.#clock.after(0, "etcd deadlines", () => this.#expire());
    };
    this.#timer = this.#clock.after(at - this.#clock.monotonic(), "etcd deadlines", ring);
  }

  #expire(): void {
    const now = this.#clock.monotonic();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const deadline of this.#pending) {
      if (deadline.at > now) {
        next = Math.min(next, deadline.at);
        continue;
      }
      this.#pending.delete(deadline);
      deadline.onExpiry();
    }
    // A callback may have added one and armed the timer for it.
    if (next < this.#timerAt) this.#arm(next);
  }
}
