import type { Datastore, Revision } from "@ocicat/datastore";
import { type Clock, type Logger, type Scope, toError } from "@ocicat/kit";
import { Alarm } from "./alarm.ts";
import { LEADER_KEY } from "./election/index.ts";

/** A datastore whose history can be made shorter. */
export interface Compactable extends Datastore {
  compact(revision: Revision): Promise<void>;
}

export interface CompactionOptions {
  /** One whose history nobody keeps short but itself has nothing to compact. */
  readonly store: Datastore & Partial<Compactable>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  readonly isLeading: () => boolean;
  /** Milliseconds; undefined: never. */
  readonly period: () => number | undefined;
  readonly onCompacted: () => void;
}

/**
 * Makes etcd's history shorter: each period, down to what was the present a period ago. So whoever was away for less finds
 * all that happened meanwhile.
 */
export class Compaction {
  readonly #options: CompactionOptions;
  readonly #alarm: Alarm;

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, "compaction");
  }

  /** Begins; ends with the scope. */
  start(): void {
    this.#alarm.carry(this.#options.scope, () => this.#run());
  }

  /** To be called when the period changes, or who leads. */
  wake(): void {
    this.#alarm.ring();
  }

  async #run(): Promise<void> {
    const { scope, clock, period, isLeading, store } = this.#options;
    if (store.compact === undefined) return;
    let mark: { readonly revision: Revision; readonly at: number } | undefined;
    while (!scope.closed) {
      const every = period();
      if (every === undefined || !isLeading()) {
        mark = undefined;
        await this.#alarm.sleep();
        continue;
      }
      const due = mark === undefined ? 0 : mark.at + every - clock.monotonic();
      if (due > 0) {
        await this.#alarm.sleep(due);
        continue;
      }
      if (mark !== undefined) await this.#compact(mark.revision);
      mark = { revision: await this.#present(mark?.revision ?? 0n), at: clock.monotonic() };
    }
  }

  async #present(otherwise: Revision): Promise<Revision> {
    try {
      return (await this.#options.store.list(LEADER_KEY)).revision;
    } catch {
      // Said by everyone else already; the next period finds it answering, or not.
      return otherwise;
    }
  }

  async #compact(revision: Revision): Promise<void> {
    const { store, logger, onCompacted } = this.#options;
    if (revision === 0n) return;
    try {
      await store.compact?.(revision);
      logger.info("history compacted", { revision });
      onCompacted();
    } catch (error) {
      // Somebody else compacted further, or the datastore is away: nothing is lost but room.
      logger.debug("history was not compacted", { revision, error: toError(error).message });
    }
  }
}
