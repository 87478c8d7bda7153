import { type Change, type Entry, isDeletion, NO_BYTES } from "./entry.ts";
import type { HistoryTable } from "./history-table.ts";
import { isLive, type KeyIndex, type Slot } from "./key-index.ts";
import { byteString, type KeyRange } from "./key-range.ts";

/** Where the store stands. */
export interface State {
  /** The revision of the newest write; 1 when empty, as etcd has it. */
  readonly revision: number;
  /** History below it is gone; 0 if never compacted. */
  readonly compactRevision: number;
  /** The place of the next write in the history. */
  readonly nextId: number;
}

export interface ReadOptions {
  /** At most this many keys; all unless given. */
  readonly limit?: number | undefined;
  /** False: entries may come with empty values. */
  readonly values: boolean;
}

/** Reads, of the present and of any revision not compacted. A write request reads what it has written itself. */
export class View {
  protected readonly history: HistoryTable;
  protected readonly index: KeyIndex;
  readonly #state: () => State;

  constructor(history: HistoryTable, index: KeyIndex, state: () => State) {
    this.history = history;
    this.index = index;
    this.#state = state;
  }

  get revision(): number {
    return this.#state().revision;
  }

  get compactRevision(): number {
    return this.#state().compactRevision;
  }

  /** The key as it is, without its value; undefined if it does not exist. */
  get(key: Uint8Array): Entry | undefined {
    const slot = this.index.get(byteString(key));
    return isLive(slot) ? this.#entry(key, slot, false) : undefined;
  }

  /** The keys that exist, in bytewise order. */
  entries(range: KeyRange, { limit, values }: ReadOptions): Entry[] {
    if (range.kind === "one") {
      const slot = this.index.get(byteString(range.key));
      return isLive(slot) ? [this.#entry(range.key, slot, values)] : [];
    }
    return this.index.live(range, limit).map((key) => this.#entry(bytesOf(key), this.index.slot(key), values));
  }

  count(range: KeyRange): number {
    return this.index.count(range);
  }

  /**
   * The keys that existed at `revision`, with their values, in bytewise order. Exact from `compactRevision` to `revision`;
   * the caller sees to it. Costs a step for each write since then to a key in the range.
   */
  entriesAt(range: KeyRange, revision: number, limit = Number.POSITIVE_INFINITY): Entry[] {
    const entries: Entry[] = [];
    for (const key of this.index.all(range)) {
      if (entries.length >= limit) break;
      const slot = this.index.slot(key);
      const isUnchanged = slot.modRevision <= revision;
      const entry = isUnchanged ? this.#entry(bytesOf(key), slot, isLive(slot)) : this.#before(slot, revision);
      if (entry !== undefined && !isDeletion(entry)) entries.push(entry);
    }
    return entries;
  }

  countAt(range: KeyRange, revision: number): number {
    let count = 0;
    for (const key of this.index.all(range)) {
      const slot = this.index.slot(key);
      const version = slot.modRevision <= revision ? slot.version : this.#before(slot, revision)?.version;
      if (version !== undefined && version > 0) count += 1;
    }
    return count;
  }

  /** The key as the write before this one left it; undefined if it did not exist, or that write is compacted away. */
  before(change: Change): Entry | undefined {
    const previous = this.#change(change.previousId)?.entry;
    return previous === undefined || isDeletion(previous) ? undefined : previous;
  }

  leasedKeys(lease: bigint): Uint8Array[] {
    return this.index.leasedKeys(lease).map(bytesOf);
  }

  #entry(key: Uint8Array, slot: Slot, withValue: boolean): Entry {
    const { modRevision, createRevision, version, lease } = slot;
    return { key, value: withValue ? this.#value(slot) : NO_BYTES, modRevision, createRevision, version, lease };
  }

  #value(slot: Slot): Uint8Array {
    if (slot.value !== undefined) return bytesOf(slot.value);
    const value = this.history.value(slot.id);
    this.index.keep(slot, value);
    return value;
  }

  /** The last write up to `revision`, of a key that was written after it. */
  #before(slot: Slot, revision: number): Entry | undefined {
    let change = this.#change(slot.previousId);
    while (change !== undefined && change.entry.modRevision > revision) change = this.#change(change.previousId);
    return change?.entry;
  }

  #change(id: number): Change | undefined {
    return id === 0 ? undefined : this.history.get(id);
  }
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
