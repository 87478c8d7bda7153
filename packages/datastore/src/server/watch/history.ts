import type { Change } from "../storage/entry.ts";
import type { Store } from "../storage/store.ts";
import type { Watcher } from "./watcher.ts";

/** A batch ends at the first revision that goes beyond one of these. */
const MAX_ROWS = 1000;
const MAX_BYTES = 1024 * 1024;

export interface HistoryBatch {
  /** What the watcher wants of it, in order. */
  readonly changes: readonly Change[];
  /** The batch is complete up to and including this one. */
  readonly revision: number;
}

/** The next stretch of history, up to `last`, for a watcher that is behind: bounded, and never part of a revision. */
export function readBatch(store: Store, watcher: Watcher, last: number): HistoryBatch {
  const changes: Change[] = [];
  let rows = 0;
  let bytes = 0;
  let revision = 0;
  for (const change of store.changesSince(watcher.next)) {
    const { entry } = change;
    if (entry.modRevision > last) break;
    if (entry.modRevision !== revision && (rows >= MAX_ROWS || bytes >= MAX_BYTES)) return { changes, revision };
    revision = entry.modRevision;
    rows += 1;
    if (!watcher.covers(change) || !watcher.wants(change)) continue;
    bytes += entry.key.length + entry.value.length;
    changes.push(change);
  }
  return { changes, revision: last };
}
