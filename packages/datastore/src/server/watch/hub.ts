import type { Clock, Timer } from "@ocicat/kit";
import type { Change, Entry } from "../storage/entry.ts";
import type { Store } from "../storage/store.ts";
import { readBatch } from "./history.ts";
import { type WatchEvent, Watcher, type WatchSink, type WatchSpec } from "./watcher.ts";
import { WatcherIndex } from "./watcher-index.ts";

/** Milliseconds of one event-loop turn given to watches that catch up. */
const TURN_MS = 4;

export interface WatchHubOptions {
  readonly store: Store;
  /** Up to here everything is on the disk, and nothing beyond it is told to anybody. */
  readonly durableRevision: () => number;
  readonly clock: Clock;
  /** How often quiet watches that asked for it are told how far they are complete. */
  readonly progressIntervalMs: number;
}

/**
 * Hands what was written to those who watch. A watcher whose client does not keep up is not buffered for: it falls behind,
 * and reads the history when its client is ready again. So memory is bounded by what is on the way to the clients.
 *
 *     watch() ──► behind ──(read history to its end)──► current ──(client slow when events come)──► behind
 *                    └──(compacted first)──► over
 */
export class WatchHub {
  readonly #store: Store;
  readonly #options: WatchHubOptions;
  readonly #current = new WatcherIndex();
  /** First in line is served first. */
  readonly #behind = new Set<Watcher>();
  #pump: NodeJS.Immediate | undefined;
  #progressTimer: Timer;

  constructor(options: WatchHubOptions) {
    this.#store = options.store;
    this.#options = options;
    this.#progressTimer = this.#armProgress();
  }

  /** `from`: the first revision of interest, past or future; undefined: the next one. Events begin in a later turn. */
  watch(spec: WatchSpec, sink: WatchSink, from: number | undefined): Watcher {
    const watcher = new Watcher(spec, sink, from ?? this.#revision + 1);
    if (watcher.next > this.#revision) this.#enter(watcher, "current");
    else this.#enter(watcher, "behind");
    return watcher;
  }

  cancel(watcher: Watcher): void {
    this.#enter(watcher, "over");
  }

  /** What a group wrote, once it is on the disk. */
  publish(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const events = new EventMaker(this.#store);
    for (const [group, concerned] of this.#current.match(changes)) {
      for (const watcher of group) this.#deliver(watcher, concerned, events);
    }
  }

  /** A sink is ready again. */
  resume(): void {
    if (this.#behind.size > 0) this.#pump ??= setImmediate(() => this.#catchUp());
  }

  close(): void {
    clearImmediate(this.#pump);
    this.#progressTimer.cancel();
  }

  get #revision(): number {
    return this.#options.durableRevision();
  }

  #deliver(watcher: Watcher, changes: readonly Change[], events: EventMaker): void {
    const wanted = changes.filter((change) => watcher.wants(change));
    const first = wanted[0];
    if (first === undefined) return;
    if (!watcher.sink.ready) {
      watcher.next = first.entry.modRevision;
      this.#enter(watcher, "behind");
      return;
    }
    watcher.quiet = false;
    watcher.sink.events(watcher, events.of(wanted, watcher.spec.previous), this.#revision);
  }

  #catchUp(): void {
    this.#pump = undefined;
    const until = performance.now() + TURN_MS;
    for (const watcher of this.#behind) {
      if (performance.now() >= until) break;
      if (!watcher.sink.ready) continue;
      // Last in line again, unless that was all.
      this.#behind.delete(watcher);
      this.#behind.add(watcher);
      this.#step(watcher);
    }
    if (performance.now() >= until) this.resume();
  }

  #step(watcher: Watcher): void {
    const store = this.#store;
    if (watcher.next < store.compactRevision) {
      this.#enter(watcher, "over");
      watcher.sink.compacted(watcher, store.compactRevision);
      return;
    }
    const { changes, revision } = readBatch(store, watcher, this.#revision);
    watcher.next = revision + 1;
    if (changes.length > 0) {
      watcher.quiet = false;
      watcher.sink.events(watcher, new EventMaker(store).of(changes, watcher.spec.previous), revision);
    }
    if (revision < this.#revision || watcher.state !== "behind") return;
    this.#enter(watcher, "current");
    watcher.sink.caughtUp(watcher);
  }

  #enter(watcher: Watcher, state: Watcher["state"]): void {
    if (watcher.state === "current") this.#current.remove(watcher);
    this.#behind.delete(watcher);
    watcher.state = state;
    if (state === "current") this.#current.add(watcher);
    if (state === "behind") {
      this.#behind.add(watcher);
      this.resume();
    }
  }

  #armProgress(): Timer {
    const { clock, progressIntervalMs } = this.#options;
    return clock.after(progressIntervalMs, "watch progress", () => {
      this.#progressTimer = this.#armProgress();
      for (const watcher of this.#current) {
        if (watcher.quiet && watcher.spec.progress && watcher.sink.ready) {
          watcher.sink.progress(watcher, this.#revision);
        }
        watcher.quiet = true;
      }
    });
  }
}

/** Events of changes; what a key was before is read once, however many watchers ask. */
class EventMaker {
  readonly #store: Store;
  readonly #previous = new Map<Change, Entry | undefined>();

  constructor(store: Store) {
    this.#store = store;
  }

  of(changes: readonly Change[], withPrevious: boolean): WatchEvent[] {
    return changes.map((change) => ({
      entry: change.entry,
      previous: withPrevious ? this.#before(change) : undefined,
    }));
  }

  #before(change: Change): Entry | undefined {
    if (!this.#previous.has(change)) this.#previous.set(change, this.#store.before(change));
    return this.#previous.get(change);
  }
}
