import type { Family, Ipv4 } from "@ocicat/net";

/** off: the capability is not announced. helper: a restarting peer's routes are kept. full: this speaker may restart too. */
export type GracefulRestartMode = "off" | "helper" | "full";

/** All in milliseconds. Those marked * are shortened by a random quarter at most (RFC 4271 §10). */
export interface SessionTimers {
  /** First delay before dialling again*; it doubles with each failure. 100. */
  readonly redialMinMs: number;
  /** Ceiling of that delay*, and how long one attempt may take. 5,000. */
  readonly redialMaxMs: number;
  /** Delay before dialling a peer that ended the session with a Cease that invites back*. 2,000. */
  readonly afterCeaseMs: number;
  /** First wait in Idle after an error*; it doubles with each. 5,000. */
  readonly errorWaitMinMs: number;
  /** Ceiling of that wait*. 30,000. */
  readonly errorWaitMaxMs: number;
  /** An error this old is forgotten. 300,000. */
  readonly errorForgetMs: number;
  /** Hold time until the peer's OPEN has come (RFC 4271 §8.2.2 suggests four minutes). 240,000. */
  readonly openHoldMs: number;
}

export const DEFAULT_TIMERS: SessionTimers = {
  redialMinMs: 100,
  redialMaxMs: 5_000,
  afterCeaseMs: 2_000,
  errorWaitMinMs: 5_000,
  errorWaitMaxMs: 30_000,
  errorForgetMs: 300_000,
  openHoldMs: 240_000,
};

/** What the state machine needs to know of a peering; complete, defaults filled in. */
export interface SessionConfig {
  readonly localAs: number;
  readonly routerId: Ipv4;
  readonly remoteAs: number;
  readonly passive: boolean;
  readonly families: readonly Family[];
  /** Seconds: 0 or 3..65535. */
  readonly holdTimeS: number;
  /** Seconds; undefined: a third of the negotiated hold time. */
  readonly keepaliveS: number | undefined;
  readonly gracefulRestart: { readonly mode: GracefulRestartMode; readonly restartTimeS: number };
  readonly timers: SessionTimers;
}
