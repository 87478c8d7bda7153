import { type AnyResource, decodeStored, type Kind } from "@ocicat/api";
import type { KeyValue, WatchEvent } from "@ocicat/datastore";

/** Rows of one store, by key, as a mirror has told them. What is read of a row is kept with it. */
export class Rows {
  readonly #rows = new Map<string, KeyValue>();

  get(key: string): KeyValue | undefined {
    return this.#rows.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#rows.keys();
  }

  *below(prefix: string): Iterable<KeyValue> {
    for (const [key, row] of this.#rows) if (key.startsWith(prefix)) yield row;
  }

  /** Everything anew. The keys whose value is another now, or none. */
  replace(items: Iterable<KeyValue>): readonly string[] {
    const gone = new Set(this.#rows.keys());
    const changed: string[] = [];
    for (const item of items) {
      gone.delete(item.key);
      if (this.#put(item)) changed.push(item.key);
    }
    for (const key of gone) this.#rows.delete(key);
    return [...changed, ...gone];
  }

  /** The keys whose value is another now: a write that changed nothing, as a heartbeat is for us, names none. */
  apply(events: readonly WatchEvent[]): readonly string[] {
    const changed = new Set<string>();
    for (const event of events) {
      if (event.type === "put") {
        if (this.#put(event.item)) changed.add(event.item.key);
      } else if (this.#rows.delete(event.key)) changed.add(event.key);
    }
    return [...changed];
  }

  /** The resource under a key; undefined: there is none. Throws ValidationError, OcicatError STORED_JSON_INVALID. */
  read<R extends AnyResource>(kind: Kind<R>, key: string): R | undefined {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : decoded(kind, row);
  }

  #put(item: KeyValue): boolean {
    const before = this.#rows.get(item.key);
    this.#rows.set(item.key, item);
    return before?.value !== item.value;
  }
}

const DECODED = new WeakMap<KeyValue, AnyResource>();

/** Throws as decodeStored. */
export function decoded<R extends AnyResource>(kind: Kind<R>, row: KeyValue): R {
  const known = DECODED.get(row);
  if (known !== undefined && kind.is(known)) return known;
  const resource = decodeStored(kind, row);
  DECODED.set(row, resource);
  return resource;
}
