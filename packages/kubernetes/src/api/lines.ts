const NEWLINE = 0x0a;

/** Parts bytes into lines, however they come: a watch's events are one line each. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #parts: Buffer[] = [];

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Buffer): void {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.#parts.push(bytes.subarray(from, end));
      const line = this.#parts.length === 1 ? (this.#parts[0] ?? bytes) : Buffer.concat(this.#parts);
      this.#parts = [];
      from = end + 1;
      if (line.length > 0) this.#onLine(line.toString("utf8"));
    }
    // Copied: what it is cut from is much larger, and would be kept with it.
    if (from < bytes.length) this.#parts.push(Buffer.from(bytes.subarray(from)));
  }
}
