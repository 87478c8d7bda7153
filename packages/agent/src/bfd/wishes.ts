import type { BfdState, Diagnostic } from "@ocicat/bfd";

/** A session that is wanted, as it is handed to the thread. */
export interface BfdWish {
  /** Unique; what the session is called in reports. */
  readonly name: string;
  /** Source of what is sent; undefined: the system's choice. */
  readonly local: string | undefined;
  readonly remote: string;
  /** RFC 5883; otherwise RFC 5881: the peer is on one of this node's links. */
  readonly multihop: boolean;
  /** Microseconds between packets, both ways. */
  readonly intervalUs: number;
  /** So many in a row may be lost, 1..255. */
  readonly multiplier: number;
}

export interface BfdReport {
  readonly name: string;
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  /** What the other side last said of itself. */
  readonly remoteState: BfdState;
}

/** To the thread: all sessions that are wanted, and whether it shall end then. */
export type ToThread = { readonly wishes: readonly BfdWish[]; readonly end: boolean };

/** From the thread. */
export type FromThread =
  | ({ readonly type: "state" } & BfdReport)
  /** A socket that cannot be had; sessions that need it stay down. */
  | { readonly type: "problem"; readonly what: string; readonly why: string };
