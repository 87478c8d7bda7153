import type { Family, Ipv4 } from "@ocicat/net";
import type { AddPath, Role } from "../wire/capabilities.ts";

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
  /** RFC 9687: a peer that has taken nothing for so long, or for twice the hold time if that is longer, is given up. 480,000. */
  readonly sendHoldMs: number;
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
  sendHoldMs: 480_000,
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
  readonly gracefulRestart: {
    readonly mode: GracefulRestartMode;
    /** 0..4095. */
    readonly restartTimeS: number;
    /** RFC 8538: also where a NOTIFICATION ends the session, but for a hard reset. */
    readonly notification: boolean;
    /** RFC 9494: how long the peer is asked to keep our routes after the restart time, 0..16777215 s; undefined: not at all. */
    readonly longLivedS: number | undefined;
  };
  /** RFC 8654: messages of up to 65,535 bytes, if the peer takes them. */
  readonly extendedMessages: boolean;
  /** RFC 8950: families whose routes may have IPv6 next hops. */
  readonly extendedNextHop: readonly Family[];
  /** RFC 7911: what this side is ready to do. */
  readonly addPath: AddPath;
  /** RFC 9234: what this side is to an external peer. `strictRole`: the peer must say its own. */
  readonly role: Role | undefined;
  readonly strictRole: boolean;
  readonly timers: SessionTimers;
}
