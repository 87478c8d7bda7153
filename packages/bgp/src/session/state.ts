import type { Negotiated } from "./negotiate.ts";

/** RFC 4271 §8.2.2, from least to most advanced. */
export const STATES = ["Idle", "Active", "Connect", "OpenSent", "OpenConfirm", "Established"] as const;
export type StateName = (typeof STATES)[number];

/**
 * A peering has room for two connections: the one we dialled and the one the peer dialled. Each runs the machine of RFC
 * 4271 §8; collisions (§6.8) leave at most one. Active means, for `outgoing`, waiting to dial again, for `incoming`, listening.
 */
export type Slot = "outgoing" | "incoming";
export const SLOTS: readonly Slot[] = ["outgoing", "incoming"];

export type Machine =
  | { readonly state: "Idle" | "Active" | "Connect" | "OpenSent" }
  | { readonly state: "OpenConfirm" | "Established"; readonly negotiated: Negotiated };

export interface Session {
  /** Between start and stop. */
  readonly running: boolean;
  /** Waiting in Idle after an error. */
  readonly holding: boolean;
  readonly outgoing: Machine;
  readonly incoming: Machine;
  /** Attempts in a row that did not get to Established. */
  readonly failures: number;
  /** Errors in a row, each less than `errorForgetMs` after the one before, and the time of the last (monotonic ms). */
  readonly errors: number;
  readonly lastErrorAt: number;
}

export const NEW_SESSION: Session = {
  running: false,
  holding: false,
  outgoing: { state: "Idle" },
  incoming: { state: "Idle" },
  failures: 0,
  errors: 0,
  lastErrorAt: 0,
};

/** The state of the peering: that of its more advanced connection. */
export function stateOf({ outgoing, incoming }: Session): StateName {
  return rank(outgoing.state) >= rank(incoming.state) ? outgoing.state : incoming.state;
}

export function negotiatedOf(session: Session): Negotiated | undefined {
  const established = SLOTS.map((slot) => session[slot]).find(({ state }) => state === "Established");
  return established !== undefined && "negotiated" in established ? established.negotiated : undefined;
}

export function isConnected({ state }: Machine): boolean {
  return rank(state) >= rank("OpenSent");
}

function rank(state: StateName): number {
  return STATES.indexOf(state);
}
