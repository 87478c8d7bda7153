import { type Change, type Entry, isDeletion } from "./entry.ts";
import type { KeyRange } from "./key-range.ts";
import type { Statements } from "./statements.ts";

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
  protected readonly statements: Statements;
  readonly #state: () => State;

  constructor(statements: Statements, state: () => State) {
    this.statements = statements;
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
    const latest = this.statements.latest(key);
    return latest === undefined || isDeletion(latest.entry) ? undefined : latest.entry;
  }

  /** The keys that exist, in bytewise order. */
  entries(range: KeyRange, options: ReadOptions): Entry[] {
    if (range.kind === "one") {
      const { statements } = this;
      const latest = options.values ? statements.latestWithValue(range.key) : statements.latest(range.key);
      return latest === undefined || isDeletion(latest.entry) ? [] : [latest.entry];
    }
    return options.values
      ? this.statements.liveEntries(range, options.limit)
      : this.statements.liveKeys(range, options.limit);
  }

  count(range: KeyRange): number {
    return this.statements.liveCount(range);
  }

  /**
   * The keys that existed at `revision`, with their values, in bytewise order. Exact from `compactRevision` to `revision`;
   * the caller sees to it. Costs a step for each write since then to a key in the range.
   */
  entriesAt(range: KeyRange, revision: number, limit = Number.POSITIVE_INFINITY): Entry[] {
    const entries: Entry[] = [];
    for (const newest of this.statements.newest(range)) {
      if (entries.length >= limit) break;
      const entry = this.#asOf(newest, revision);
      if (entry !== undefined && !isDeletion(entry)) entries.push(entry);
    }
    return entries;
  }

  countAt(range: KeyRange, revision: number): number {
    const changed = this.statements.changedSince(range, revision).filter((id) => {
      const entry = this.#asOf(this.#change(id), revision);
      return entry !== undefined && !isDeletion(entry);
    });
    return this.statements.unchangedCount(range, revision) + changed.length;
  }

  /** The key as the write before this one left it; undefined if it did not exist, or that write is compacted away. */
  before(change: Change): Entry | undefined {
    const previous = this.#change(change.previousId)?.entry;
    return previous === undefined || isDeletion(previous) ? undefined : previous;
  }

  leasedKeys(lease: bigint): Uint8Array[] {
    return this.statements.leasedKeys(lease);
  }

  #asOf(newest: Change | undefined, revision: number): Entry | undefined {
    let change = newest;
    while (change !== undefined && change.entry.modRevision > revision) change = this.#change(change.previousId);
    return change?.entry;
  }

  #change(id: number): Change | undefined {
    return id === 0 ? undefined : this.statements.change(id);
  }
}
