import type { Compare, KeyValue, Operation } from "@ocicat/datastore";
import { IpamError } from "../../errors.ts";
import type { Draft } from "../draft.ts";
import type { Extra } from "../types.ts";

/** A request that is drafted and waits for the commit. */
export interface Planned {
  readonly extra: Extra | undefined;
  /** Told of a block that is written, or may be, before it is known whether the whole commit succeeds. */
  mayHaveWritten(blockKey: string): void;
}

export type CommitOutcome<P extends Planned> =
  | { readonly kind: "committed" }
  /** Some rows were others by now: they have been learnt, and what is not refused is to be planned again. */
  | { readonly kind: "again"; readonly refused: ReadonlyMap<P, IpamError> };

/** Writes a whole draft, with the callers' own writes. */
export interface Committer {
  /** Throws DatastoreError if nothing (more) was written, IpamError IPAM_OUTCOME_UNKNOWN if nobody can tell. */
  commit<P extends Planned>(draft: Draft, planned: readonly P[]): Promise<CommitOutcome<P>>;
  /** True if a failure in the middle leaves part of a draft written. */
  readonly leavesParts: boolean;
}

export function keyOf(operation: Operation): string {
  return "put" in operation ? operation.put : operation.delete;
}

export function holds(compare: Compare, row: KeyValue | undefined): boolean {
  return "exists" in compare ? compare.exists === (row !== undefined) : row?.modRevision === compare.modRevision;
}

/** True if the row is already what the extra would make of it: an earlier commit of unknown outcome did that. */
export function isDone(extra: Extra, key: string, row: KeyValue | undefined): boolean {
  const operation = extra.operations.find((candidate) => keyOf(candidate) === key);
  if (operation === undefined) return false;
  return "put" in operation ? row?.value === operation.value : row === undefined;
}

export function extraConflict(key: string, row: KeyValue | undefined): IpamError {
  return new IpamError({
    code: "IPAM_EXTRA_CONFLICT",
    what: row === undefined ? "does not exist" : `is at revision ${row.modRevision}`,
    where: key,
    why: "the caller expected otherwise, so nothing was allocated or released",
    fix: "read the resource again and repeat",
  });
}
