import type { KeyValue, ListOptions, ListResult, Operation, Revision, WatchEvent } from "../datastore.ts";
import { compacted, futureRevision } from "../shared/failures.ts";
import { compareKeys, lowerBound } from "../shared/keys.ts";

/** What a key was from `revision` on; undefined: deleted. */
interface Version {
  readonly revision: Revision;
  readonly item: KeyValue | undefined;
}

/** All that one revision did, in the order it was done. `previous` is always filled. */
export interface Change {
  readonly revision: Revision;
  readonly events: readonly WatchEvent[];
}

/**
 * Every version of every key since the last compaction:
 *
 *     keys (sorted)      versions (oldest first)
 *     /a                 4: "x"   7: "y"   9: deleted
 *     /b                 5: "z"
 *
 *     log (by revision)  4: put /a   5: put /b   7: put /a   9: delete /a
 *
 * Invariants: a key is in `keys` if and only if it has versions; `log` holds the revisions above `compacted`, in order;
 * versions needed to read at `compacted` or later are kept.
 */
export class History {
  /** A fresh etcd stands at revision 1; the first write is 2. */
  #revision: Revision = 1n;
  #compacted: Revision = 0n;
  readonly #keys: string[] = [];
  readonly #versions = new Map<string, Version[]>();
  #log: Change[] = [];

  get revision(): Revision {
    return this.#revision;
  }

  /** Reads at this revision and later are possible, watches from the one after. */
  get compacted(): Revision {
    return this.#compacted;
  }

  get(key: string, revision: Revision = this.#revision): KeyValue | undefined {
    this.#checkReadable(revision);
    return this.#at(key, revision);
  }

  list(prefix: string, options: ListOptions = {}): ListResult {
    const revision = options.revision ?? this.#revision;
    this.#checkReadable(revision);
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const items: KeyValue[] = [];
    let more = false;
    for (let at = this.#firstIndex(prefix, options.after); at < this.#keys.length; at++) {
      const key = this.#keys[at] ?? "";
      if (!key.startsWith(prefix)) break;
      const item = this.#at(key, revision);
      if (item === undefined) continue;
      if (items.length === limit) {
        more = true;
        break;
      }
      items.push(item);
    }
    return { items, revision, more };
  }

  /** Does all operations at one new revision; undefined if they change nothing (deletes of what is not there). */
  apply(operations: readonly Operation[]): Change | undefined {
    const revision = this.#revision + 1n;
    const events = operations
      .map((operation) => eventOf(operation, revision, (key) => this.#at(key, this.#revision)))
      .filter((event) => event !== undefined);
    if (events.length === 0) return undefined;

    this.#revision = revision;
    for (const event of events) {
      if (event.type === "put") this.#record(event.item.key, { revision, item: event.item });
      else this.#record(event.key, { revision, item: undefined });
    }
    const change = { revision, events };
    this.#log.push(change);
    return change;
  }

  /** The changes from a revision on. Throws COMPACTED if some of them are gone. */
  since(from: Revision): readonly Change[] {
    if (from <= this.#compacted) throw compacted("watch", from, this.#compacted + 1n);
    const start = this.#log.findIndex((change) => change.revision >= from);
    return start < 0 ? [] : this.#log.slice(start);
  }

  /** Forgets what was before `revision`. Throws COMPACTED if that has been done, FUTURE_REVISION if it is not reached. */
  compact(revision: Revision): void {
    if (revision <= this.#compacted) throw compacted("compact", revision, this.#compacted);
    if (revision > this.#revision) throw futureRevision(revision, this.#revision);
    this.#compacted = revision;
    this.#log = this.#log.filter((change) => change.revision > revision);
    for (const [key, versions] of this.#versions) {
      const kept = readableFrom(versions, revision);
      if (kept.length > 0) this.#versions.set(key, kept);
      else this.#forget(key);
    }
  }

  #checkReadable(revision: Revision): void {
    if (revision < this.#compacted) throw compacted("read", revision, this.#compacted);
    if (revision > this.#revision) throw futureRevision(revision, this.#revision);
  }

  #at(key: string, revision: Revision): KeyValue | undefined {
    return this.#versions.get(key)?.findLast((version) => version.revision <= revision)?.item;
  }

  #firstIndex(prefix: string, after: string | undefined): number {
    if (after === undefined || compareKeys(after, prefix) < 0) return lowerBound(this.#keys, prefix);
    const at = lowerBound(this.#keys, after);
    return this.#keys[at] === after ? at + 1 : at;
  }

  #record(key: string, version: Version): void {
    const versions = this.#versions.get(key);
    if (versions !== undefined) {
      versions.push(version);
      return;
    }
    this.#versions.set(key, [version]);
    this.#keys.splice(lowerBound(this.#keys, key), 0, key);
  }

  #forget(key: string): void {
    this.#versions.delete(key);
    this.#keys.splice(lowerBound(this.#keys, key), 1);
  }
}

function eventOf(
  operation: Operation,
  revision: Revision,
  current: (key: string) => KeyValue | undefined,
): WatchEvent | undefined {
  if ("delete" in operation) {
    const previous = current(operation.delete);
    return previous === undefined ? undefined : { type: "delete", key: operation.delete, revision, previous };
  }
  const previous = current(operation.put);
  const item: KeyValue = Object.freeze({
    key: operation.put,
    value: operation.value,
    modRevision: revision,
    createRevision: previous?.createRevision ?? revision,
    version: (previous?.version ?? 0n) + 1n,
    lease: operation.lease ?? 0n,
  });
  return { type: "put", item, previous };
}

/** The versions needed to read at `revision` and later: the one in force then, unless it is a deletion, and the newer. */
function readableFrom(versions: readonly Version[], revision: Revision): Version[] {
  const inForce = versions.findLast((version) => version.revision <= revision);
  const newer = versions.filter((version) => version.revision > revision);
  return inForce?.item === undefined ? newer : [inForce, ...newer];
}
