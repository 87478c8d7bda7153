/**
 * A key as one write left it. Revisions and versions are whole numbers below 2^53 inside the server (ten thousand writes
 * a second take 28,000 years to get there); lease ids use all of their 64 bits.
 */
export interface Entry {
  readonly key: Uint8Array;
  /** Empty where the reader asked for no values, and in a deletion. */
  readonly value: Uint8Array;
  /** The revision of this write. */
  readonly modRevision: number;
  /** The revision that began the key's present life; 0 in a deletion. */
  readonly createRevision: number;
  /** Writes since then, 1 for the first; 0 in a deletion. */
  readonly version: number;
  /** 0n: none. */
  readonly lease: bigint;
}

export const NO_BYTES = new Uint8Array(0);
export const NO_LEASE = 0n;

/** One write as the history has it. */
export interface Change {
  /** Its place in the history: higher than that of every earlier write, also within a revision. */
  readonly id: number;
  readonly entry: Entry;
  /** The place of the write to the same key before this one; 0 if there was none. That row may be compacted away. */
  readonly previousId: number;
}

export function isDeletion(entry: Entry): boolean {
  return entry.version === 0;
}
