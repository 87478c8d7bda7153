import type { Clock, Logger, Timer } from "@ocicat/kit";
import type { GroupCommit } from "../commit/group-commit.ts";
import { Scavenger } from "../storage/compaction.ts";
import { shrink } from "../storage/shrink.ts";
import type { Store } from "../storage/store.ts";
import { type CompactionPolicy, HistoryAge } from "./policy.ts";

/** The policy is applied this often at least. */
const MAX_INTERVAL_MS = 15_000;

export interface CompactorOptions {
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: CompactionPolicy | "off";
  /** After each slice that was written. */
  wrote(): void;
}

/** Compacts by policy, and takes compacted rows from the file a slice a turn, so that others are served in between. */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #scavenger: Scavenger;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #shrinking: Promise<void> | undefined;
  #closed = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#scavenger = new Scavenger(options.store);
    if (options.policy !== "off") this.#follow(options.policy, new HistoryAge(options.policy));
    void this.scavenge();
  }

  /** Resolves when nothing that is compacted is left in the file. */
  scavenge(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /**
   * Gives the space that compaction has freed back to the disk, a slice a turn like scavenging. Resolves when the file is
   * as short as it can be; throws what SQLite throws, having given back what it could.
   */
  async defragment(): Promise<void> {
    await this.scavenge();
    this.#shrinking ??= this.#shrink().finally(() => {
      this.#shrinking = undefined;
    });
    await this.#shrinking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#shrinking?.catch(() => {});
  }

  async #shrink(): Promise<void> {
    while (!this.#closed && shrink(this.#options.store)) {
      this.#options.wrote();
      await nextTurn();
    }
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closed && this.#scavenger.slice()) {
        this.#options.wrote();
        await nextTurn();
      }
    } catch (error) {
      // Nothing is lost but space; the next compaction takes up where this one stopped.
      this.#options.logger.warning("removing compacted history failed", { error: String(error) });
    }
  }

  #follow(policy: CompactionPolicy, age: HistoryAge): void {
    const { clock } = this.#options;
    const interval = Math.min(MAX_INTERVAL_MS, Math.max(1, policy.keepMs / 10));
    this.#timer = clock.after(interval, "compaction", () => {
      this.#follow(policy, age);
      void this.#compactTo(age.target(clock.monotonic(), this.#options.store.revision));
    });
  }

  async #compactTo(target: number): Promise<void> {
    const { store, commits, logger } = this.#options;
    if (target <= store.compactRevision) return;
    try {
      await commits.submit((writer) => {
        if (target > writer.compactRevision) writer.compact(target);
      });
      logger.debug("compacted", { revision: target });
      await this.scavenge();
    } catch (error) {
      logger.warning("compaction by policy failed; trying again", { error: String(error) });
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
