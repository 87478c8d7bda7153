/** Below the 4096 bytes that the kernel's line discipline holds. */
const AHEAD = 3072;

/**
 * Writes to the machine's serial line, never more ahead of what the guest has read than its kernel can hold: user-mode
 * Linux (6.12) that once has to hold a serial line back does not always let it go on.
 */
export class PacedWriter {
  readonly #write: (bytes: Uint8Array) => void;
  #waiting: Uint8Array[] = [];
  #ahead = 0;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#flush();
  }

  /** The guest has read as many bytes. */
  taken(bytes: number): void {
    this.#ahead -= bytes;
    this.#flush();
  }

  #flush(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#ahead < AHEAD; first = this.#waiting[0]) {
      const piece = first.subarray(0, AHEAD - this.#ahead);
      this.#ahead += piece.length;
      if (piece.length === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(piece.length);
      this.#write(piece);
    }
  }
}
