import type { Clock } from "@ocicat/kit";

/** A change of a session's state, for people. */
export interface SessionEvent {
  /** RFC 3339. */
  readonly at: string;
  /** The session's name: `Mesh_192_168_0_82`. */
  readonly session: string;
  /** Of the state machine (RFC 4271 §8.2.2). */
  readonly state: string;
  readonly why: string;
}

/** A day of a session that comes and goes every few minutes; some hundred kilobytes. */
const KEPT = 1_000;

/** The last changes of sessions, the oldest first. What repeats the change before it is one. */
export class SessionLog {
  readonly #clock: Clock;
  readonly #events: SessionEvent[] = [];
  readonly #followers = new Set<(event: SessionEvent) => void>();
  /** What was last said of each session: a peer that is away is dialled for ever, and fails alike each time. */
  readonly #last = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(session: string, state: string, why: string): void {
    // On the way up and down again the machine passes through states that say nothing of themselves.
    const isUp = state === "Established";
    if (!isUp && (why === state || why === "")) return;
    const said = isUp ? state : why;
    if (this.#last.get(session) === said) return;
    this.#last.set(session, said);
    const event = { at: new Date(this.#clock.now()).toISOString(), session, state, why: said };
    this.#events.push(event);
    if (this.#events.length > KEPT) this.#events.shift();
    for (const follower of this.#followers) follower(event);
  }

  get events(): readonly SessionEvent[] {
    return this.#events;
  }

  /** Calls back for what comes from now on, until the function that it returns is called. */
  follow(follower: (event: SessionEvent) => void): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }
}
