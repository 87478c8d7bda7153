import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type Clock, type Logger, type Timer, toError } from "@ocicat/kit";
import { fileNameAt } from "./file-name.ts";

export interface FileSeriesOptions {
  /** See `fileNameAt`. A file that is there is replaced. */
  readonly pattern: string;
  /** A new file after so many seconds, at multiples of them since 1970; undefined: one file. */
  readonly everyS?: number | undefined;
  /** What each file begins with. */
  readonly head?: Uint8Array | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Bytes that wait for being written. */
const BUFFER = 64 * 1024;
/** And for how long, in milliseconds: who follows the file is not far behind. */
const LATEST_MS = 1_000;

/**
 * A record of what happens, written as it happens, in one file after the other. A whole piece is in one file. Where one cannot
 * be written it is told once, and what follows is left out until the next file's time: BGP goes on.
 */
export class FileSeries {
  readonly #options: FileSeriesOptions;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #timer: Timer | undefined;
  #file: number | undefined;
  #failed = false;
  /** Milliseconds since 1970 at which the next file begins. */
  #until = 0;

  constructor(options: FileSeriesOptions) {
    this.#options = options;
  }

  /** The bytes must not change afterwards. */
  write(bytes: Uint8Array): void {
    const { clock } = this.#options;
    if (clock.now() >= this.#until) this.#next(clock.now());
    if (this.#failed) return;
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= BUFFER) this.flush();
    else this.#timer ??= clock.after(LATEST_MS, "record", () => this.flush());
  }

  /** Writes what waits. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#bytes = 0;
    const file = this.#file;
    if (file === undefined || bytes.length === 0) return;
    this.#attempt(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    });
  }

  close(): void {
    this.flush();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #next(now: number): void {
    const { pattern, everyS, head } = this.#options;
    this.close();
    this.#failed = false;
    this.#until =
      everyS === undefined ? Number.POSITIVE_INFINITY : (Math.floor(now / 1000 / everyS) + 1) * everyS * 1000;
    this.#attempt(() => {
      const name = fileNameAt(pattern, now);
      mkdirSync(dirname(name), { recursive: true });
      this.#file = openSync(name, "w", 0o640);
    });
    if (head !== undefined && !this.#failed) {
      this.#waiting.push(head);
      this.#bytes += head.length;
    }
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed = true;
      this.#options.logger.error("what passes is not recorded any more", { error: toError(error).message });
    }
  }
}
