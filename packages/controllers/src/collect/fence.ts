import type { Compare, Datastore, KeyValue, Transaction } from "@ocicat/datastore";
import { holds, sequentially } from "./sequentially.ts";

/** What must hold besides, for a write to be made: that whoever writes is still the one who may. */
export interface Fence {
  /** Compared in each transaction: the store itself refuses who comes late. */
  readonly compares: readonly Compare[];
  /**
   * On a store without transactions, before each write: makes known what is about to be written, in the one row that says
   * who may. False: that is another by now. Whoever takes over makes what was announced last impossible first.
   */
  readonly announce?: (transaction: Transaction) => Promise<boolean>;
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
  if (fence.announce !== undefined && !(await fence.announce(transaction))) return { kind: "fenced" };
  const current = await commit(store, transaction);
  if (current === undefined) return { kind: "done" };
  const rows = new Map(transaction.compares.map(({ key }, index) => [key, current[index]] as const));
  const isHeld = fence.compares.every((compare) => holds(compare, rows.get(compare.key)));
  return isHeld ? { kind: "refused", rows } : { kind: "fenced" };
}

/** Undefined: done. Otherwise the compared rows as they are. */
async function commit(
  store: Datastore,
  transaction: Transaction,
): Promise<readonly (KeyValue | undefined)[] | undefined> {
  if (!store.abilities.transactions) return await sequentially(store, transaction);
  const result = await store.commit(transaction);
  return result.committed ? undefined : result.current;
}
