import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { StatementSync } from "node:sqlite";
import type { Clock, Logger } from "@ocicat/kit";
import { etcdError } from "../errors.ts";
import { columnsOf, integer } from "./columns.ts";
import type { DataFile } from "./file.ts";

/** Bytes of the disk that puts leave free, so that deletes, compaction and defragmentation can still be written. */
const RESERVE_BYTES = 8 * 1024 * 1024;

/** How long what was found out about the disk is believed, in milliseconds: no writer fills the reserve in that time. */
const DISK_INTERVAL_MS = 100;

/** The alarm ends by itself when so much of the quota, or of the reserve, is free: not with every page that comes and goes. */
const ENOUGH = 1 / 20;

export interface SpaceOptions {
  readonly file: DataFile;
  readonly quotaBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Whether there is room for more. Where there is none an alarm is on, and puts are refused; deletes and compaction are
 * always let through: they are the way out.
 *
 *     room = the less of  quota - used pages
 *                         what the disk has for the file: free, and taken by it already - used pages - reserve
 */
export class Space {
  readonly #options: SpaceOptions;
  readonly #pages: StatementSync;
  readonly #free: StatementSync;
  readonly #pageSize: number;
  #alarm = false;
  /** What the data file could grow to. */
  #disk = { bytes: 0, seenAt: Number.NEGATIVE_INFINITY };

  constructor(options: SpaceOptions) {
    const { db } = options.file;
    this.#options = options;
    this.#pages = db.prepare("PRAGMA page_count");
    this.#free = db.prepare("PRAGMA freelist_count");
    this.#pageSize = integer(columnsOf(db.prepare("PRAGMA page_size").get())[0]);
    this.look();
  }

  /** True while puts are refused. */
  get alarm(): boolean {
    return this.#alarm;
  }

  /** Bytes; what compaction and deletes have freed is not counted, whether or not the file has shrunk. */
  used(): number {
    return (pragma(this.#pages) - pragma(this.#free)) * this.#pageSize;
  }

  /** After every commit. */
  look(): void {
    const { quotaBytes, file, clock, logger } = this.#options;
    const used = this.used();
    const now = clock.monotonic();
    if (now - this.#disk.seenAt >= DISK_INTERVAL_MS) this.#disk = { bytes: diskFor(file.path), seenAt: now };
    const room = Math.min(quotaBytes, this.#disk.bytes - RESERVE_BYTES) - used;
    if (!this.#alarm && room <= 0) {
      this.#raise(used >= quotaBytes ? "the quota is used up" : "the disk is full");
    } else if (this.#alarm && room >= ENOUGH * Math.min(quotaBytes, RESERVE_BYTES)) {
      this.#alarm = false;
      logger.info("there is room again: puts are taken", { file: file.path, usedBytes: used, quotaBytes });
    }
  }

  /** A commit found the disk full. */
  full(): void {
    this.#disk = { bytes: 0, seenAt: this.#options.clock.monotonic() };
    if (!this.#alarm) this.#raise("the disk is full");
  }

  /** Throws `noSpace` while the alarm is on. */
  require(): void {
    if (!this.#alarm) return;
    // The disk may have got room without a commit of ours.
    this.look();
    if (this.#alarm) throw etcdError("noSpace");
  }

  /** The operator says that there is room; it is looked whether there is. */
  disarm(): void {
    this.#alarm = false;
    this.#disk = { ...this.#disk, seenAt: Number.NEGATIVE_INFINITY };
    this.look();
  }

  #raise(cause: string): void {
    const { file, quotaBytes, logger } = this.#options;
    this.#alarm = true;
    const what = "NOSPACE: puts are refused until deletes and a compaction, or a larger disk or quota, make room";
    const usedBytes = this.used();
    logger.error(what, { file: file.path, cause, usedBytes, quotaBytes, diskBytes: this.#disk.bytes });
  }
}

function pragma(statement: StatementSync): number {
  return integer(columnsOf(statement.get())[0]);
}

/** Free to this user, not to root alone; and what the file has taken: pages that are only in the log have no place there yet. */
function diskFor(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize + statSync(path).size;
}
