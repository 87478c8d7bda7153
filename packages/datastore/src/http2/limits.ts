import { ConnectionFault, ErrorCode } from "./errors.ts";

/** Of a header block, as it comes and as it is decoded. Ours are some hundred bytes; a token may be a few thousand. */
export const MAX_HEADER_BYTES = 64 * 1024;
/** CONTINUATION frames of one block: with those of full size it takes four to reach the limit above. */
export const MAX_CONTINUATIONS = 32;
/** Answers to PING and SETTINGS, and headers, that wait for a peer that does not read. */
export const MAX_UNREAD_BYTES = 1024 * 1024;
/** Messages begun and answers not sent yet, of all streams: beyond it new streams are refused. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Streams that the peer has given up before their answer, without one that ended well between. */
const MAX_RESETS = 1000;
/** Frames that do nothing, without one that does something between. */
const MAX_IDLE_FRAMES = 10_000;

/**
 * What a peer may do without getting anything done: a budget that useful work fills up again. It needs no clock, and a peer
 * that works is never told off.
 */
class Budget {
  readonly #most: number;
  readonly #what: string;
  #left: number;

  constructor(most: number, what: string) {
    this.#most = most;
    this.#what = what;
    this.#left = most;
  }

  /** Throws ConnectionFault when it is used up. */
  spend(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, this.#what);
  }

  earn(): void {
    if (this.#left < this.#most) this.#left += 1;
  }
}

/** What one connection's peer may do (CVE-2023-44487, CVE-2019-9512 to 9518, CVE-2024-27316, CVE-2025-8671). */
export class PeerBudgets {
  /** Streams opened and given up, by the peer or for its faults: opening and answering them is work. */
  readonly resets = new Budget(MAX_RESETS, "too many streams given up");
  /** Empty DATA, PRIORITY, unknown frames, frames for streams that are over. */
  readonly idleFrames = new Budget(MAX_IDLE_FRAMES, "too many frames that do nothing");
}
