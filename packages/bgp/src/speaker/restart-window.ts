import type { Family } from "@ocicat/net";
import type { Negotiated } from "../session/negotiate.ts";

/** What the window must know of a peer. */
export interface RestartPeer {
  /** The peering takes part in graceful restart. */
  readonly graceful: boolean;
  /** Of the session that is Established; undefined: there is none. */
  readonly negotiated: Negotiated | undefined;
  /** Families whose End-of-RIB has come since this speaker started. */
  readonly endOfRib: ReadonlySet<Family>;
}

/**
 * The restarting side of RFC 4724 §4.1. Two things wait:
 * - `selected`, so that learned routes may be announced and End-of-RIB sent: for the End-of-RIB of every peer that is not
 *   restarting itself (two that restart together must not wait for each other) and takes part at all;
 * - `ready`, so that the owner may remove what nobody has announced again: for that, and for the End-of-RIB of peers that
 *   are restarting themselves. They send it as soon as they have selected, and their routes are worth that wait.
 * The deferral timer ends both.
 */
export class RestartWindow {
  #selected: boolean;
  #ready: boolean;

  constructor(restarting: boolean) {
    this.#selected = !restarting;
    this.#ready = !restarting;
  }

  get selected(): boolean {
    return this.#selected;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Something about the peers has changed. True if that ended a wait. */
  review(peers: readonly RestartPeer[]): boolean {
    const before = [this.#selected, this.#ready];
    this.#selected ||= peers.every(isHeard);
    this.#ready ||= this.#selected && peers.every(hasSentAll);
    return before[0] !== this.#selected || before[1] !== this.#ready;
  }

  /** The deferral timer has run out. */
  expire(): boolean {
    const changed = !this.#ready;
    this.#selected = true;
    this.#ready = true;
    return changed;
  }
}

/** Heard to the end, or nobody to wait for. */
function isHeard(peer: RestartPeer): boolean {
  return hasSentAll(peer) || peer.negotiated?.gracefulRestart?.restarting === true;
}

function hasSentAll({ graceful, negotiated, endOfRib }: RestartPeer): boolean {
  if (!graceful) return true;
  // Not there: it may come yet, unless it was heard to the end and has gone again.
  if (negotiated === undefined) return endOfRib.size > 0;
  // Without the capability it will not say when it is done.
  if (negotiated.gracefulRestart === undefined) return true;
  return negotiated.families.every((family) => endOfRib.has(family));
}
