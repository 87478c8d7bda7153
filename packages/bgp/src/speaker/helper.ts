import type { Family } from "@ocicat/net";
import type { AdjRibIn } from "../rib/adj-rib-in.ts";
import type { DownReason } from "../session/events.ts";
import type { Negotiated } from "../session/negotiate.ts";
import type { Timers } from "./timers.ts";

const RESTART_TIMER = "graceful restart";
const STALE_TIMER = "stale paths";

export interface HelperOptions {
  readonly adjRibIn: AdjRibIn;
  readonly timers: Timers;
  /** Routes have been dropped by a timer. */
  readonly onChange: () => void;
}

/**
 * The helper's side of RFC 4724: what becomes of a peer's routes when its session ends, and when it comes back.
 *
 *     Established ──quiet end──► routes stale ──restart time──► dropped
 *          ▲                          │
 *          │                     session up: families without the forwarding flag are dropped at once
 *          │                          ▼
 *          └──End-of-RIB or stale time: what was not announced again is dropped
 */
export class Helper {
  readonly #adjRibIn: AdjRibIn;
  readonly #timers: Timers;
  readonly #onChange: () => void;

  constructor({ adjRibIn, timers, onChange }: HelperOptions) {
    this.#adjRibIn = adjRibIn;
    this.#timers = timers;
    this.#onChange = onChange;
  }

  /** The session has ended. Routes of families that the peer can restart stay, if nobody said a word; the rest goes. */
  down(reason: DownReason, negotiated: Negotiated): void {
    this.#timers.stop(STALE_TIMER);
    const restart = reason.quiet && reason.cause !== "stopped" ? negotiated.gracefulRestart : undefined;
    const kept = (restart?.families ?? [])
      .map(({ family }) => family)
      .filter((family) => negotiated.families.includes(family));
    for (const family of negotiated.families) {
      if (kept.includes(family)) this.#adjRibIn.markStale(family);
      else this.#adjRibIn.clear(family);
    }
    if (this.#adjRibIn.stale === 0) return;
    this.#timers.start(RESTART_TIMER, (restart?.restartTimeS ?? 0) * 1000, false, () => this.#dropStale());
  }

  /** The session is back: stale routes of a family stay only if the peer says that it kept forwarding (RFC 4724 §4.2). */
  up({ families, gracefulRestart }: Negotiated, stalePathTimeS: number): void {
    this.#timers.stop(RESTART_TIMER);
    for (const family of FAMILIES) {
      const forwarding = gracefulRestart?.families.some((one) => one.family === family && one.forwarding) ?? false;
      if (!forwarding || !families.includes(family)) this.#adjRibIn.sweepStale(family);
    }
    if (this.#adjRibIn.stale > 0)
      this.#timers.start(STALE_TIMER, stalePathTimeS * 1000, false, () => this.#dropStale());
  }

  endOfRib(family: Family): void {
    this.#adjRibIn.sweepStale(family);
    if (this.#adjRibIn.stale === 0) this.#timers.stop(STALE_TIMER);
  }

  #dropStale(): void {
    for (const family of FAMILIES) this.#adjRibIn.sweepStale(family);
    this.#onChange();
  }
}

const FAMILIES: readonly Family[] = [4, 6];
