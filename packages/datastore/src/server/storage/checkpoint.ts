import type { StatementSync } from "node:sqlite";
import type { Clock, Logger, Timer } from "@ocicat/kit";
import { columnsOf, integer } from "./columns.ts";
import type { DataFile } from "./file.ts";

/** Pages of the log that may wait for a quiet moment. Copying this many takes 3.5–6.5 ms. */
const MAX_PAGES = 1000;

/** Not worth copying before that, except at the end. */
const WORTHWHILE_PAGES = 100;

/** Without a write for so long, the moment is quiet. */
const QUIET_MS = 100;

/**
 * Copies what commits have added to the log into the data file, so that the log stays short and begins again at its start.
 * SQLite by itself would do it inside a COMMIT that somebody waits for; here it is done in a quiet moment, or after
 * answers have left if no quiet moment comes. Each time it is bounded by MAX_PAGES and the pages of one group.
 */
export class Checkpointer {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #status: StatementSync;
  readonly #copy: StatementSync;
  #timer: Timer | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #lastWrite = 0;
  #closed = false;
  #failing = false;

  constructor(file: DataFile, clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#status = file.db.prepare("PRAGMA wal_checkpoint(NOOP)");
    this.#copy = file.db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** After every commit. */
  wrote(): void {
    if (this.#closed) return;
    this.#lastWrite = this.#clock.monotonic();
    const waiting = this.#waitingPages();
    if (waiting >= MAX_PAGES) this.#immediate ??= setImmediate(() => this.#run());
    else if (waiting >= WORTHWHILE_PAGES) this.#timer ??= this.#arm(QUIET_MS);
  }

  /** Copies everything at once, whatever the moment; the file then has the length that its pages need. */
  now(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    clearImmediate(this.#immediate);
    this.#run();
  }

  close(): void {
    this.#closed = true;
    this.now();
  }

  /** A busy store does not set the timer anew with each write: it is looked at when it fires. */
  #arm(ms: number): Timer {
    return this.#clock.after(ms, "checkpoint", () => {
      this.#timer = undefined;
      const quiet = this.#clock.monotonic() - this.#lastWrite;
      if (quiet >= QUIET_MS) this.#run();
      else this.#timer = this.#arm(QUIET_MS - quiet);
    });
  }

  #run(): void {
    this.#immediate = undefined;
    try {
      this.#copy.get();
      this.#failing = false;
    } catch (error) {
      // The log keeps everything; the next commit meets the same disk and reports it to those who wait.
      if (!this.#failing) this.#logger.warning("copying the write-ahead log failed", { error: String(error) });
      this.#failing = true;
    }
  }

  #waitingPages(): number {
    const [, written, copied] = columnsOf(this.#status.get());
    return integer(written) - integer(copied);
  }
}
