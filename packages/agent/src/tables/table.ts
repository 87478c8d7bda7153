import type { KeyValue } from "@ocicat/datastore";
import type { Logger } from "@ocicat/kit";
import { toError } from "@ocicat/kit";
import type { ReflectorSink } from "../watch/reflector.ts";

/** What a change looks like to a resolver: the row now, and before; undefined means it is not there. */
export type RowListener<Row> = (key: string, row: Row | undefined, previous: Row | undefined) => void;

/** A row with the revision it was written at; without a row: removed by this process, and the watch has not said so yet. */
interface Entry<Row> {
  readonly row: Row | undefined;
  readonly revision: bigint;
}

/**
 * Immutable rows of one kind, by datastore key. `parse` turns a stored value into a row, or undefined for one that is
 * none of our business; what it cannot read it throws on: the row is treated as absent, or `standIn` says what stands in its
 * place where absence would open something (fail closed), and it is counted and named.
 *
 * Every write carries its revision and an older one never replaces a newer: so a writer may put its own row at once,
 * ahead of the watch, and the echo changes nothing.
 */
export class Table<Row> implements ReflectorSink {
  readonly name: string;
  readonly #parse: (item: KeyValue) => Row | undefined;
  readonly #standIn: ((item: KeyValue, reason: string) => Row | undefined) | undefined;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry<Row>>();
  readonly #bad = new Map<string, string>();
  readonly #listeners: RowListener<Row>[] = [];

  constructor(
    name: string,
    parse: (item: KeyValue) => Row | undefined,
    logger: Logger,
    standIn?: (item: KeyValue, reason: string) => Row | undefined,
  ) {
    this.name = name;
    this.#parse = parse;
    this.#standIn = standIn;
    this.#log = logger;
  }

  /** Calls back for every row there is, then for every change. */
  subscribe(listener: RowListener<Row>): void {
    this.#listeners.push(listener);
    for (const [key, entry] of this.#entries) if (entry.row !== undefined) listener(key, entry.row, undefined);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Row | undefined {
    return this.#entries.get(key)?.row;
  }

  /** The row of a global resource by its name: the last part of its key. */
  named(name: string): Row | undefined {
    for (const [key, entry] of this.#entries) if (key.endsWith(`/${name}`)) return entry.row;
    return undefined;
  }

  /** The revision a row was last written at; undefined if it does not exist. */
  revisionOf(key: string): bigint | undefined {
    const entry = this.#entries.get(key);
    return entry?.row === undefined ? undefined : entry.revision;
  }

  /** Takes a row that this process has just written (undefined: removed), ahead of the watch. */
  wrote(key: string, row: Row | undefined, revision: bigint): void {
    const before = this.#entries.get(key);
    if (before === undefined || before.revision < revision) this.#store(key, { row, revision });
  }

  *rows(): IterableIterator<Row> {
    for (const entry of this.#entries.values()) if (entry.row !== undefined) yield entry.row;
  }

  /** Keys whose stored value could not be read, with the reason. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#bad;
  }

  replace(items: readonly KeyValue[]): void {
    const gone = new Set(this.#entries.keys());
    for (const item of items) {
      gone.delete(item.key);
      this.put(item);
    }
    for (const key of gone) this.#store(key, undefined);
  }

  put(item: KeyValue): void {
    const before = this.#entries.get(item.key);
    if (before !== undefined && before.revision >= item.modRevision) return;
    this.#store(item.key, { row: this.#read(item), revision: item.modRevision });
  }

  remove(key: string, revision: bigint): void {
    const before = this.#entries.get(key);
    if (before !== undefined && before.revision > revision) return;
    this.#bad.delete(key);
    this.#store(key, undefined);
  }

  #read(item: KeyValue): Row | undefined {
    try {
      const row = this.#parse(item);
      this.#bad.delete(item.key);
      return row;
    } catch (error) {
      const reason = toError(error).message;
      this.#bad.set(item.key, reason);
      const taken = this.#standIn === undefined ? "treated as absent" : "it closes what it may be about";
      this.#log.error(`stored value cannot be read; ${taken}`, { table: this.name, key: item.key, reason });
      return this.#standIn?.(item, reason);
    }
  }

  #store(key: string, entry: Entry<Row> | undefined): void {
    const previous = this.#entries.get(key)?.row;
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    const row = entry?.row;
    if (row === undefined && previous === undefined) return;
    for (const listener of this.#listeners) listener(key, row, previous);
  }
}
