/** A header with what it weighs (RFC 7541 §4.1). */
export interface TableEntry {
  readonly name: string;
  readonly value: string;
}

const OVERHEAD = 32;

export function entrySize(name: string, value: string): number {
  return name.length + value.length + OVERHEAD;
}

/**
 * What both ends remember of the headers that have passed, newest first (RFC 7541 §2.3.2):
 *
 *     index 62       63                                 what does not fit any more goes
 *     +--------+--------+-- … --+--------+
 *     | newest |        |       | oldest |  ──►
 *     +--------+--------+-- … --+--------+
 */
export class DynamicTable<E extends TableEntry> {
  /** Oldest first. */
  readonly #entries: E[] = [];
  #size = 0;
  #maxSize: number;
  readonly #onEvicted: (entry: E) => void;

  constructor(maxSize: number, onEvicted: (entry: E) => void = () => {}) {
    this.#maxSize = maxSize;
    this.#onEvicted = onEvicted;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** `index`: 0 for the newest. */
  at(index: number): E | undefined {
    return this.#entries[this.#entries.length - 1 - index];
  }

  /** False: it is larger than the table, which is empty now. */
  add(entry: E): boolean {
    const size = entrySize(entry.name, entry.value);
    this.#shrink(this.#maxSize - size);
    if (size > this.#maxSize) return false;
    this.#entries.push(entry);
    this.#size += size;
    return true;
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#shrink(maxSize);
  }

  #shrink(size: number): void {
    while (this.#size > size) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) return;
      this.#size -= entrySize(oldest.name, oldest.value);
      this.#onEvicted(oldest);
    }
  }
}
