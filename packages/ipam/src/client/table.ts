import { IpamCorruptError } from "@ocicat/api/ipam";
import type { KeyValue, Revision } from "@ocicat/datastore";

/** A row as last seen in the store. It may have changed since: every commit compares the revision. */
export type Seen<T> =
  | { readonly state: "present"; readonly revision: Revision; readonly value: T }
  | { readonly state: "absent" }
  | { readonly state: "corrupt"; readonly revision: Revision; readonly error: IpamCorruptError };

const ABSENT = { state: "absent" } as const;

/** The rows of one kind that this client has seen, by datastore key. */
export class Table<T> {
  readonly #decode: (key: string, text: string) => T;
  readonly #rows = new Map<string, Seen<T>>();

  constructor(decode: (key: string, text: string) => T) {
    this.#decode = decode;
  }

  /** Undefined: never seen, or forgotten. */
  seen(key: string): Seen<T> | undefined {
    return this.#rows.get(key);
  }

  keys(): Iterable<string> {
    return this.#rows.keys();
  }

  /** Takes a row as the store has just given it; undefined: it does not exist. */
  learn(key: string, row: KeyValue | undefined): Seen<T> {
    return this.#keep(key, row === undefined ? ABSENT : (this.#known(row) ?? this.#read(row)));
  }

  /** Takes what this client has just written itself; undefined: deleted. */
  wrote(key: string, value: T | undefined, revision: Revision): Seen<T> {
    return this.#keep(key, value === undefined ? ABSENT : { state: "present", revision, value });
  }

  forget(key: string): void {
    this.#rows.delete(key);
  }

  clear(): void {
    this.#rows.clear();
  }

  /** Forgets those not touched for longest, of the ones that may go, until at most `max` are left. */
  trim(max: number, mayGo: (key: string) => boolean): void {
    if (this.#rows.size <= max) return;
    for (const key of this.#rows.keys()) {
      if (mayGo(key)) this.#rows.delete(key);
      if (this.#rows.size <= max) return;
    }
  }

  /** What is at the revision that was seen last need not be read again. */
  #known({ key, modRevision }: KeyValue): Seen<T> | undefined {
    const seen = this.#rows.get(key);
    return seen?.state === "present" && seen.revision === modRevision ? seen : undefined;
  }

  #keep(key: string, seen: Seen<T>): Seen<T> {
    // Deleting first moves the key to the end: the first keys are those not touched for longest.
    this.#rows.delete(key);
    this.#rows.set(key, seen);
    return seen;
  }

  #read(row: KeyValue): Seen<T> {
    try {
      return { state: "present", revision: row.modRevision, value: this.#decode(row.key, row.value) };
    } catch (error) {
      if (!(error instanceof IpamCorruptError)) throw error;
      return { state: "corrupt", revision: row.modRevision, error };
    }
  }
}
