import { columnsOf, integer } from "./columns.ts";
import type { Store } from "./store.ts";

/** Pages given back in one slice: a few milliseconds. */
const SLICE = 200;

/**
 * Gives the file's free pages back to the disk: SQLite moves used pages from the end of the file into free ones and cuts
 * the file there. A slice is a transaction like any other; the file itself becomes shorter with the checkpoint after it.
 */
export function shrink(store: Store): boolean {
  const [free] = columnsOf(store.file.db.prepare("PRAGMA freelist_count").get());
  if (integer(free) === 0) return false;
  store.maintain((db) => db.exec(`PRAGMA incremental_vacuum(${SLICE})`));
  return true;
}
