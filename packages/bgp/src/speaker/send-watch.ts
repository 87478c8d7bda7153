import type { Connection } from "./transport.ts";

/**
 * RFC 9687: notices that a peer takes nothing of what is sent to it. KEEPALIVEs are sent all the time, so that it is enough to
 * look when something is sent.
 */
export class SendWatch {
  readonly #connection: Connection;
  #given = 0;
  #taken = 0;
  /** Monotonic ms. */
  #movedAt: number;

  constructor(connection: Connection, now: number) {
    this.#connection = connection;
    this.#movedAt = now;
  }

  /** Something has been sent: for how long nothing has been taken, in ms. */
  sent(bytes: number, now: number): number {
    this.#given += bytes;
    const { queued } = this.#connection;
    const taken = this.#given - queued;
    if (queued === 0 || taken > this.#taken) this.#movedAt = now;
    this.#taken = taken;
    return now - this.#movedAt;
  }
}
