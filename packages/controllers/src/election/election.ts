import type { Clock, Logger, Random, Scope } from "@ocicat/kit";
import type { Fence } from "../collect/index.ts";

export interface ElectionOptions {
  /** Who this is, for people: `node1 pid 4711`. */
  readonly identity: string;
  /** How long a leader that says nothing stays one, whole seconds from 1 on. */
  readonly ttlSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Told of every change. */
  readonly onChange: () => void;
}

/** A time of leading. */
export interface Term {
  /** What must hold for each write made in it: that it is this very term, not one that has begun since. */
  readonly fence: Fence;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** One leader at a time. Leading is not what allows a write: the fence of the term does. */
export interface Election {
  /** Begins; ends with the scope. */
  start(): void;
  /** Undefined while another leads, or nobody. */
  readonly term: Term | undefined;
  /** Who leads, as far as is known. */
  readonly leader: string | undefined;
  /** Says that a write of this term was refused by its fence. */
  depose(term: Term): void;
}
