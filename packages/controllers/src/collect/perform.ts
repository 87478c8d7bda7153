import type { Datastore, KeyValue } from "@ocicat/datastore";
import { Batch, type BatchContext, rowsOf } from "./batch.ts";
import { commitUnder, type Fence } from "./fence.ts";
import type { Verdict } from "./verdict.ts";

export type PerformOutcome =
  | {
      readonly kind: "done";
      readonly done: readonly Verdict[];
      /** Those that were not what they had been judged on. */
      readonly changed: readonly Verdict[];
    }
  /** Blocks were written by others each time: nothing was done. */
  | { readonly kind: "contended" }
  /** A compare of the fence does not hold: who asks may not act any more. Nothing was done. */
  | { readonly kind: "fenced" };

/** How often blocks are read again that others write at the same time. */
const ATTEMPTS = 8;

/**
 * Does what verdicts call for, in one transaction. Blocks are read just before; the sequence number of each
 * allocation, the revision of its handle and of the endpoints that go with it, and the absence of nodes are those of the
 * verdict. Throws DatastoreError; after UNKNOWN_OUTCOME the watch tells what happened.
 */
export async function perform(
  store: Datastore,
  verdicts: readonly Verdict[],
  fence: Fence,
  context: () => BatchContext,
): Promise<PerformOutcome> {
  const rows = await read(store, new Set(verdicts.flatMap(({ action }) => rowsOf(action))));
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const batch = new Batch(rows, context());
    const holding = verdicts.filter(({ action }) => batch.add(action));
    const changed = verdicts.filter((verdict) => !holding.includes(verdict));
    const transaction = batch.transaction();
    if (transaction.operations.length === 0) return { kind: "done", done: holding, changed };
    const outcome = await commitUnder(store, fence, transaction);
    if (outcome.kind === "done") return { kind: "done", done: holding, changed };
    if (outcome.kind === "fenced") return outcome;
    for (const [key, row] of outcome.rows) rows.set(key, row);
  }
  return { kind: "contended" };
}

async function read(store: Datastore, keys: ReadonlySet<string>): Promise<Map<string, KeyValue | undefined>> {
  const rows = await Promise.all([...keys].map(async (key) => [key, await store.get(key)] as const));
  return new Map(rows);
}
