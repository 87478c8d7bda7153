import { type Change, type Entry, isDeletion } from "../storage/entry.ts";
import { type KeyRange, rangeContains } from "../storage/key-range.ts";

export interface WatchSpec {
  readonly range: KeyRange;
  readonly puts: boolean;
  readonly deletes: boolean;
  /** Events carry the key as it was before. */
  readonly previous: boolean;
  /** Say now and then, when nothing happens, how far the watch is complete. */
  readonly progress: boolean;
}

export interface WatchEvent {
  /** As the write left it; a deletion has version 0. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
}

/** Where events go: one stream to one client, with any number of watches on it. */
export interface WatchSink {
  /** False while the client reads too slowly. Its events then stay in the history until it is true again. */
  readonly ready: boolean;
  /** Whole revisions, in order; with them the watch is complete up to and including `revision`. */
  events(watcher: Watcher, events: readonly WatchEvent[], revision: number): void;
  /** Nothing has happened, and the watch is complete up to and including `revision`. */
  progress(watcher: Watcher, revision: number): void;
  /** The watch has come level with the store. */
  caughtUp(watcher: Watcher): void;
  /** The watch is over: what it wanted next is compacted away. */
  compacted(watcher: Watcher, compactRevision: number): void;
}

/**
 * A watch is *current* (it has everything up to the store's revision, and gets what is written as it is written), *behind*
 * (it reads the history until it is current), or *over*.
 */
export class Watcher {
  readonly spec: WatchSpec;
  readonly sink: WatchSink;
  state: "current" | "behind" | "over" = "over";
  /** The first revision it has not been given and wants. */
  next: number;
  /** Nothing was sent since the last progress tick. */
  quiet = true;

  constructor(spec: WatchSpec, sink: WatchSink, next: number) {
    this.spec = spec;
    this.sink = sink;
    this.next = next;
  }

  /** Whether the watch is about this write, its range aside. */
  wants({ entry }: Change): boolean {
    return entry.modRevision >= this.next && (isDeletion(entry) ? this.spec.deletes : this.spec.puts);
  }

  covers({ entry }: Change): boolean {
    return rangeContains(this.spec.range, entry.key);
  }
}
