import { IpamCorruptError } from "@ocicat/api/ipam";
import type { Datastore, Transaction } from "@ocicat/datastore";
import { Change } from "./change.ts";
import type { Mend } from "./mend.ts";
import { planMend } from "./plan.ts";

export type MendOutcome =
  | { readonly kind: "done" }
  /** It is as it should be by now, or another's: nothing was written. */
  | { readonly kind: "not-needed" }
  /** The rows changed each time between reading and writing: ask again. */
  | { readonly kind: "contended" }
  /** A row it concerns cannot be read. */
  | { readonly kind: "refused"; readonly why: string };

const ATTEMPTS = 10;

/**
 * Does what the mend says to the rows as they are now, in one transaction that compares all it looked at: whoever writes
 * one of them meanwhile wins, and this begins again. `now`: milliseconds since 1970. Throws DatastoreError; with
 * UNKNOWN_OUTCOME it may have happened.
 */
export async function performMend(store: Datastore, mend: Mend, now: number): Promise<MendOutcome> {
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const transaction = await previewMend(store, mend, now);
      if (transaction.operations.length === 0) return { kind: "not-needed" };
      if ((await store.commit(transaction)).committed) return { kind: "done" };
    }
    return { kind: "contended" };
  } catch (error) {
    if (error instanceof IpamCorruptError) return { kind: "refused", why: error.message };
    throw error;
  }
}

/** What performing it would compare and write, as things are. Throws DatastoreError, IpamCorruptError. */
export async function previewMend(store: Datastore, mend: Mend, now: number): Promise<Transaction> {
  const change = new Change(store);
  await planMend(change, mend, now);
  return change.transaction();
}
