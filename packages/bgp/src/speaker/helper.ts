import type { Family } from "@ocicat/net";
import type { AdjRibIn } from "../rib/adj-rib-in.ts";
import type { DownReason } from "../session/events.ts";
import type { Negotiated } from "../session/negotiate.ts";
import { FAMILIES } from "../wire/family.ts";
import type { Timers } from "./timers.ts";

const RESTART_TIMER = "graceful restart";
const STALE_TIMER = "stale paths";

export interface HelperOptions {
  readonly adjRibIn: AdjRibIn;
  readonly timers: Timers;
  /** Routes have been dropped, or have become long-lived stale, by a timer. */
  readonly onChange: () => void;
}

/**
 * The helper's side of RFC 4724 and RFC 9494: what becomes of a peer's routes when its session ends, and when it comes back.
 *
 *     Established ──may restart──► routes stale ──restart time──► long-lived stale ──stale time──► dropped
 *          ▲                          │      (no long-lived restart: dropped)  │
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

  /** The session has ended. Routes of families that the peer can restart stay, if that end allows it; the rest goes. */
  down(reason: DownReason, negotiated: Negotiated): void {
    this.#timers.stop(STALE_TIMER);
    const may = reason.restartable && reason.cause !== "stopped";
    const { families, gracefulRestart, llgr } = negotiated;
    const restarts = may ? (gracefulRestart?.families ?? []).map(({ family }) => family) : [];
    const longLived = may ? llgr.filter(({ staleTimeS }) => staleTimeS > 0) : [];
    for (const family of families) {
      const kept = restarts.includes(family) || longLived.some((one) => one.family === family);
      if (kept) this.#adjRibIn.markStale(family);
      else this.#adjRibIn.clear(family);
    }
    if (this.#adjRibIn.stale === 0) return;
    this.#timers.start(RESTART_TIMER, (gracefulRestart?.restartTimeS ?? 0) * 1000, false, () => {
      for (const family of FAMILIES) this.#outlive(family, longLived.find((one) => one.family === family)?.staleTimeS);
      this.#onChange();
    });
  }

  /** The session is back: stale routes of a family stay only if the peer says that it kept forwarding (RFC 4724 §4.2, RFC 9494 §4.2). */
  up({ families, gracefulRestart, llgr }: Negotiated, stalePathTimeS: number): void {
    this.#timers.stop(RESTART_TIMER);
    const kept = [...(gracefulRestart?.families ?? []), ...llgr].filter(({ forwarding }) => forwarding);
    for (const family of FAMILIES) {
      const stays = families.includes(family) && kept.some((one) => one.family === family);
      if (!stays) this.#sweep(family);
    }
    if (this.#adjRibIn.stale > 0)
      this.#timers.start(STALE_TIMER, stalePathTimeS * 1000, false, () => {
        for (const family of FAMILIES) this.#sweep(family);
        this.#onChange();
      });
  }

  endOfRib(family: Family): void {
    this.#sweep(family);
    if (this.#adjRibIn.stale === 0) this.#timers.stop(STALE_TIMER);
  }

  /** The restart time is over: what has a long life has it from now on, with less esteem. */
  #outlive(family: Family, staleTimeS: number | undefined): void {
    if (staleTimeS === undefined) {
      this.#adjRibIn.sweepStale(family);
      return;
    }
    this.#adjRibIn.markLongLived(family);
    this.#timers.start(longLivedTimer(family), staleTimeS * 1000, false, () => {
      this.#adjRibIn.sweepStale(family);
      this.#onChange();
    });
  }

  #sweep(family: Family): void {
    this.#adjRibIn.sweepStale(family);
    this.#timers.stop(longLivedTimer(family));
  }
}

function longLivedTimer(family: Family): string {
  return `long-lived stale paths of IPv${family}`;
}
