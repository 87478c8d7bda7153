import { randomBytes } from "node:crypto";
import type { Clock } from "@ocicat/kit";

/** A token that nobody uses for so long is worthless, as in etcd. */
const LIFE_MS = 5 * 60_000;

interface Issued {
  readonly user: string;
  readonly expiresAt: number;
}

/** What a client that has logged in shows with each call. Known in memory only: after a restart clients log in again. */
export class Tokens {
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #issued = new Map<string, Issued>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(user: string): string {
    this.#dropExpired();
    const token = randomBytes(24).toString("base64url");
    this.#keep(token, user);
    return token;
  }

  /** Whose it is; undefined if it is worthless. Using it gives it its full time again. */
  holder(token: string): string | undefined {
    const issued = this.#issued.get(token);
    if (issued === undefined || issued.expiresAt <= this.#clock.monotonic()) return undefined;
    this.#issued.delete(token);
    this.#keep(token, issued.user);
    return issued.user;
  }

  /** Makes a user's tokens worthless; all of them unless one is named. */
  revoke(user?: string): void {
    for (const [token, issued] of this.#issued) {
      if (user === undefined || issued.user === user) this.#issued.delete(token);
    }
  }

  #keep(token: string, user: string): void {
    this.#issued.set(token, { user, expiresAt: this.#clock.monotonic() + LIFE_MS });
  }

  #dropExpired(): void {
    const now = this.#clock.monotonic();
    for (const [token, { expiresAt }] of this.#issued) {
      if (expiresAt > now) return;
      this.#issued.delete(token);
    }
  }
}
