import type { Change, Entry } from "./entry.ts";
import { byteString } from "./key-range.ts";

/** Where a key stands now: its newest write, deletions included, and the place of that in the history. */
export interface Latest {
  readonly entry: Entry;
  readonly id: number;
}

/** What an entry costs besides its key and value: objects, and the key once more as a string. */
const OVERHEAD_BYTES = 400;

/**
 * The keys last written or read one by one, with their values: a write looks at what it replaces, and who compares a row has
 * mostly just read it. Deletions are not kept, as compaction takes them from the file. What is rolled back must be
 * forgotten.
 */
export class RecentEntries {
  readonly #maxBytes: number;
  readonly #byKey = new Map<string, Latest>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: Uint8Array): Latest | undefined {
    return this.#byKey.get(byteString(key));
  }

  /** `isOwn`: nobody else has a hand on the entry's bytes. Others are copied: they may be a small part of something large. */
  keep({ entry, id }: Pick<Change, "entry" | "id">, isOwn: boolean): void {
    const name = byteString(entry.key);
    this.forget(name);
    const size = sizeOf(entry);
    // A few large values are not to drive all others out.
    if (size > this.#maxBytes / 64) return;
    this.#byKey.set(name, { entry: isOwn ? entry : copyOf(entry), id });
    this.#bytes += size;
    // The first are those kept for longest.
    for (const oldest of this.#byKey.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.forget(oldest);
    }
  }

  /** `name`: as byteString() has it. */
  forget(name: string): void {
    const known = this.#byKey.get(name);
    if (known === undefined) return;
    this.#byKey.delete(name);
    this.#bytes -= sizeOf(known.entry);
  }

  clear(): void {
    this.#byKey.clear();
    this.#bytes = 0;
  }
}

/** Key and value in one piece, from Node's pool: memory of their own for each would cost the garbage collector more. */
function copyOf(entry: Entry): Entry {
  const { key, value, modRevision, createRevision, version, lease } = entry;
  const copy = Buffer.allocUnsafe(key.length + value.length);
  copy.set(key);
  copy.set(value, key.length);
  return {
    key: copy.subarray(0, key.length),
    value: copy.subarray(key.length),
    modRevision,
    createRevision,
    version,
    lease,
  };
}

function sizeOf({ key, value }: Entry): number {
  return key.length * 2 + value.length + OVERHEAD_BYTES;
}
