import { closeSync, fdatasync, fdatasyncSync, fstatSync, fsyncSync, openSync, writeSync } from "node:fs";

/**
 * The log is given this size in advance, room for what a checkpoint lets it grow to: a flush that need not record a new
 * size takes about half as long. SQLite does not mind zeros after its last frame, and reuses the space without giving it
 * back.
 */
const ROOM_BYTES = 6 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/**
 * Brings the log of committed transactions to the disk, which SQLite then leaves to us (`synchronous = NORMAL`): its own
 * flush would hold up the event loop as long as the disk likes, milliseconds on some, while the next requests could be
 * read and the answers of the last group sent. The thread pool costs 40 µs, and gives them back fourfold when the machine
 * is busy.
 */
export class LogFlush {
  readonly #fd: number;

  /** `path`: of the log, which SQLite has made by now and keeps until the end. */
  constructor(path: string) {
    this.#fd = openSync(path, "r+");
    this.makeRoom();
  }

  /** At the start, and when the log has been cut. */
  makeRoom(): void {
    const { size } = fstatSync(this.#fd);
    if (size >= ROOM_BYTES) return;
    const zeros = Buffer.alloc(Math.min(PIECE_BYTES, ROOM_BYTES - size));
    for (let at = size; at < ROOM_BYTES; )
      at += writeSync(this.#fd, zeros, 0, Math.min(zeros.length, ROOM_BYTES - at), at);
    fsyncSync(this.#fd);
  }

  /** Calls `done` when all that was committed before is on the disk, or with what went wrong. */
  flush(done: (error: Error | undefined) => void): void {
    fdatasync(this.#fd, (error) => done(error ?? undefined));
  }

  flushNow(): void {
    fdatasyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
