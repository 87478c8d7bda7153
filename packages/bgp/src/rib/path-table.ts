import type { AttributeId, AttributeStore } from "./attribute-store.ts";
import { FIRST_ROWS, grown32, grownU8, grownU16, NONE, putSparse, Rows, roomFor } from "./columns.ts";
import type { PrefixId, PrefixTable } from "./prefix-table.ts";
import type { SourceId, Sources } from "./sources.ts";

/** A path by number, for as long as its source announces it. */
export type PathId = number;

/** What is kept of a path besides its attributes, a bit each. */
export const PATH = {
  /** Kept over a restart of the peer and not heard of since (RFC 4724 §4.2). */
  stale: 1,
  /** Kept longer than that (RFC 9494 §4.2). */
  longLived: 2,
} as const;

/**
 * All paths of all sources, also those that were refused: the reason can be shown, and another policy can take them in.
 *
 *     first(prefix) ─► row ─next─► row ─next─► NONE
 *     row ─► prefix, source, remoteId   whose path it is, and which of theirs (RFC 7911)
 *            received                   attributes as they came
 *            accepted                   attributes after the import policy; NONE: it was refused
 *            flags                      bits of PATH
 *
 * A row holds its prefix, its source and its attribute sets.
 */
export class PathTable {
  readonly #rows = new Rows();
  readonly #prefixes: PrefixTable;
  readonly #store: AttributeStore;
  readonly #sources: Sources;
  #first = new Int32Array(FIRST_ROWS);
  /** Of a prefix with one path there is no next: most are such, and the column is short. */
  #next = new Int32Array(0);
  /** None without RFC 7911. */
  #remoteId = new Int32Array(0);
  /** A prefix, 0 where there is no path. */
  prefix = new Int32Array(FIRST_ROWS);
  source = new Uint16Array(FIRST_ROWS);
  received = new Int32Array(FIRST_ROWS);
  accepted = new Int32Array(FIRST_ROWS);
  flags = new Uint8Array(FIRST_ROWS);

  constructor(prefixes: PrefixTable, store: AttributeStore, sources: Sources) {
    this.#prefixes = prefixes;
    this.#store = store;
    this.#sources = sources;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** All rows in use are below. */
  get end(): number {
    return this.#rows.end;
  }

  /** The first path to a prefix; NONE: there is none. */
  first(prefix: PrefixId): PathId {
    return this.#first[prefix] ?? NONE;
  }

  /** The one after it. */
  next(path: PathId): PathId {
    return this.#next[path] ?? NONE;
  }

  /** The number that its source gave it (RFC 7911); 0 without. */
  remoteId(path: PathId): number {
    return (this.#remoteId[path] ?? 0) >>> 0;
  }

  find(prefix: PrefixId, source: SourceId, remoteId: number): PathId {
    let path = this.first(prefix);
    while (path !== NONE && (this.source[path] !== source || this.remoteId(path) !== remoteId)) path = this.next(path);
    return path;
  }

  /** A new path without attributes. */
  add(prefix: PrefixId, source: SourceId, remoteId: number): PathId {
    const path = this.#rows.take();
    if (path >= this.prefix.length) this.#makeRoom(path);
    if (prefix >= this.#first.length) this.#first = grown32(this.#first, roomFor(prefix, this.#first.length));
    this.prefix[path] = prefix;
    this.source[path] = source;
    this.#remoteId = putSparse(this.#remoteId, path, remoteId | 0);
    this.received[path] = NONE;
    this.accepted[path] = NONE;
    this.flags[path] = 0;
    this.#next = putSparse(this.#next, path, this.first(prefix));
    this.#first[prefix] = path;
    this.#prefixes.holdAgain(prefix);
    this.#sources.hold(source);
    return path;
  }

  /** Gives a path attributes, both sets already held for it; lets go of those it had. */
  set(path: PathId, received: AttributeId, accepted: AttributeId): void {
    this.#store.release(this.received[path] ?? NONE);
    this.#store.release(this.accepted[path] ?? NONE);
    this.received[path] = received;
    this.accepted[path] = accepted;
  }

  remove(path: PathId): void {
    const prefix = this.prefix[path] ?? NONE;
    this.#unlink(path, prefix);
    this.set(path, NONE, NONE);
    this.prefix[path] = NONE;
    this.#rows.give(path);
    this.#sources.release(this.source[path] ?? NONE);
    this.#prefixes.letGo(prefix);
  }

  #unlink(path: PathId, prefix: PrefixId): void {
    const after = this.next(path);
    if (this.first(prefix) === path) {
      this.#first[prefix] = after;
      return;
    }
    let before = this.first(prefix);
    while (this.next(before) !== path) before = this.next(before);
    this.#next = putSparse(this.#next, before, after);
  }

  #makeRoom(path: PathId): void {
    const rows = roomFor(path, this.prefix.length);
    this.prefix = grown32(this.prefix, rows);
    this.source = grownU16(this.source, rows);
    this.received = grown32(this.received, rows);
    this.accepted = grown32(this.accepted, rows);
    this.flags = grownU8(this.flags, rows);
  }
}
