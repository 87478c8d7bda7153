import type { Compare, Datastore, KeyValue, Transaction } from "@ocicat/datastore";
import { holds, sequentially } from "./sequentially.ts";

/** What must hold besides, for a write to be made: that whoever writes is still the one who may. */
export interface Fence {
  /** Compared in each transaction: the store itself refuses who comes late. */
  readonly compares: readonly Compare[];
  /**
   * On a store without transactions, before each write: makes known what is about to be written, in the one row that says
   * who may. Resolves with what is to be called when it is over; undefined: who may is another by now. Whoever takes over
   * makes what was announced last impossible before it does anything else.
   */
  readonly announce?: (transaction: Transaction) => Promise<(() => void) | undefined>;
  /** On such a store, before each row: whether enough of the time is left for which it was announced. */
  readonly stillHolds?: () => boolean;
}

/** For one who needs nobody's leave. */
export const NO_FENCE: Fence = { compares: [] };

export type CommitOutcome =
  | { readonly kind: "done" }
  /** The fence does not hold: who asks may not write any more. Nothing was done. */
  | { readonly kind: "fenced" }
  /** A row is not as it was: the compared rows as they are. */
  | { readonly kind: "refused"; readonly rows: ReadonlyMap<string, KeyValue | undefined> };

/** Commits under a fence; on a store without transactions row by row, in the order of the operations. Throws DatastoreError. */
export async function commitUnder(
  store: Datastore,
  fence: Fence,
  { compares, operations }: Transaction,
): Promise<CommitOutcome> {
  const transaction = { compares: [...fence.compares, ...compares], operations };
  if (store.abilities.transactions) {
    const result = await store.commit(transaction);
    return result.committed ? { kind: "done" } : refusal(fence, transaction, result.current);
  }
  const over = await fence.announce?.(transaction);
  if (fence.announce !== undefined && over === undefined) return { kind: "fenced" };
  try {
    const outcome = await sequentially(store, transaction, fence.stillHolds);
    if (outcome === "out of time") return { kind: "fenced" };
    return outcome === undefined ? { kind: "done" } : refusal(fence, transaction, outcome);
  } finally {
    over?.();
  }
}

function refusal(fence: Fence, { compares }: Transaction, current: readonly (KeyValue | undefined)[]): CommitOutcome {
  const rows = new Map(compares.map(({ key }, index) => [key, current[index]] as const));
  const isHeld = fence.compares.every((compare) => holds(compare, rows.get(compare.key)));
  return isHeld ? { kind: "refused", rows } : { kind: "fenced" };
}
