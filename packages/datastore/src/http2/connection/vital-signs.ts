import type { Clock, Timer } from "@ocicat/kit";
import type { ClientSession } from "../client.ts";

export interface KeepAlive {
  /** With only watches open: the silence after which the peer is asked for a sign of life. etcd punishes below 5 s. */
  readonly idleMs: number;
  /** The same while a call waits for its answer. */
  readonly busyMs: number;
  /** How long that sign may take before the connection counts as dead. */
  readonly timeoutMs: number;
}

/** etcd counts pings that follow one another faster, and ends the connection at the third (`--grpc-keepalive-min-time`). */
const MIN_PING_INTERVAL_MS = 5_000;

/** What waits for the peer to say something. */
export type Waiting = "calls" | "watches" | "nothing";

/**
 * Watches over a connection: a peer that is frozen, or cut off without a word, does not close its sockets. After a
 * silence it is sent an HTTP/2 PING; no answer in time, and `onDead` is called once.
 */
export class VitalSigns {
  readonly #session: ClientSession;
  readonly #keepAlive: KeepAlive;
  readonly #clock: Clock;
  readonly #waiting: () => Waiting;
  readonly #onDead: () => void;
  readonly #periodMs: number;
  readonly #patience: number;
  #timer: Timer;
  #bytesRead = 0;
  #lastHeard: number;
  /** Checks since an unanswered ping; undefined: none is under way. */
  #checksSincePing: number | undefined;
  #nextPingAt = 0;

  constructor(session: ClientSession, keepAlive: KeepAlive, clock: Clock, waiting: () => Waiting, onDead: () => void) {
    this.#session = session;
    this.#keepAlive = keepAlive;
    this.#clock = clock;
    this.#waiting = waiting;
    this.#onDead = onDead;
    this.#periodMs = Math.min(keepAlive.idleMs, keepAlive.busyMs, keepAlive.timeoutMs) / 2;
    // Counted in checks, not in time: after a stall of this process the answer may wait in the socket, unread.
    this.#patience = Math.ceil(keepAlive.timeoutMs / this.#periodMs);
    this.#lastHeard = clock.monotonic();
    this.#timer = this.#later();
  }

  close(): void {
    this.#timer.cancel();
  }

  #later(): Timer {
    return this.#clock.after(this.#periodMs, "keep-alive", () => this.#check());
  }

  #check(): void {
    const now = this.#clock.monotonic();
    const { bytesRead } = this.#session.socket;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#lastHeard = now;
      this.#checksSincePing = undefined;
    }
    if (this.#checksSincePing !== undefined) {
      this.#checksSincePing += 1;
      if (this.#checksSincePing >= this.#patience) {
        this.#onDead();
        return;
      }
    } else if (this.#isTooQuiet(now) && now >= this.#nextPingAt) {
      this.#ping(now);
    }
    this.#timer = this.#later();
  }

  #isTooQuiet(now: number): boolean {
    const silence = now - this.#lastHeard;
    switch (this.#waiting()) {
      case "calls":
        return silence >= this.#keepAlive.busyMs;
      case "watches":
        return silence >= this.#keepAlive.idleMs;
      case "nothing":
        // etcd takes no pings on a connection without streams, and nobody would notice its death.
        return false;
    }
  }

  #ping(now: number): void {
    if (this.#session.isDestroyed) return;
    this.#checksSincePing = 0;
    this.#nextPingAt = now + Math.min(MIN_PING_INTERVAL_MS, this.#keepAlive.idleMs);
    this.#session.ping(() => {
      // The answer is seen as bytes read.
    });
  }
}
