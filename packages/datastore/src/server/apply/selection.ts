import { type RangeRequest, RangeRequest_SortOrder, RangeRequest_SortTarget } from "../../proto/rpc_pb.ts";
import type { Entry } from "../storage/entry.ts";

/** Which of the keys in a range are answered, and in what order: the part of a range request that needs no store. */
export interface Selection {
  readonly entries: readonly Entry[];
  /** The limit cut something. */
  readonly more: boolean;
}

/** How many keys must be read, in key order, to choose from; undefined: all of the range. */
export function keysToRead(request: RangeRequest): number | undefined {
  const limit = limitOf(request);
  // A target without an order sorts only what the limit has left, as in etcd.
  const needsAll = isFiltered(request) || (sorting(request) !== undefined && hasOrder(request));
  // One more than asked for tells whether there are more.
  return limit === undefined || needsAll ? undefined : limit + 1;
}

export function needsValues(request: RangeRequest): boolean {
  return !request.keysOnly || (sorting(request) !== undefined && request.sortTarget === RangeRequest_SortTarget.VALUE);
}

/** `entries`: as many as keysToRead says, in key order. */
export function select(request: RangeRequest, entries: readonly Entry[]): Selection {
  const kept = isFiltered(request) ? entries.filter((entry) => isWithin(request, entry)) : entries;
  const compare = sorting(request);
  const sorted = compare === undefined ? kept : kept.toSorted(compare);
  const limit = limitOf(request);
  if (limit === undefined || sorted.length <= limit) return { entries: sorted, more: false };
  return { entries: sorted.slice(0, limit), more: true };
}

function hasOrder(request: RangeRequest): boolean {
  return request.sortOrder !== RangeRequest_SortOrder.NONE;
}

function limitOf(request: RangeRequest): number | undefined {
  return request.limit > 0n ? Number(request.limit) : undefined;
}

function isFiltered(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0n ||
    request.maxModRevision !== 0n ||
    request.minCreateRevision !== 0n ||
    request.maxCreateRevision !== 0n
  );
}

function isWithin(request: RangeRequest, entry: Entry): boolean {
  return (
    isBetween(entry.modRevision, request.minModRevision, request.maxModRevision) &&
    isBetween(entry.createRevision, request.minCreateRevision, request.maxCreateRevision)
  );
}

/** A bound of 0 is none. */
function isBetween(revision: number, min: bigint, max: bigint): boolean {
  return (min === 0n || revision >= min) && (max === 0n || revision <= max);
}

type Comparator = (a: Entry, b: Entry) => number;

const BY_TARGET: Readonly<Record<number, Comparator>> = {
  [RangeRequest_SortTarget.KEY]: (a, b) => Buffer.compare(a.key, b.key),
  [RangeRequest_SortTarget.VERSION]: (a, b) => a.version - b.version,
  [RangeRequest_SortTarget.CREATE]: (a, b) => a.createRevision - b.createRevision,
  [RangeRequest_SortTarget.MOD]: (a, b) => a.modRevision - b.modRevision,
  [RangeRequest_SortTarget.VALUE]: (a, b) => Buffer.compare(a.value, b.value),
};

export function isSortTarget(target: number): boolean {
  return BY_TARGET[target] !== undefined;
}

/** Undefined where key order, in which keys are read, is the order asked for. A target without an order means ascending. */
function sorting(request: RangeRequest): Comparator | undefined {
  const byKey = request.sortTarget === RangeRequest_SortTarget.KEY;
  if (byKey && request.sortOrder !== RangeRequest_SortOrder.DESCEND) return undefined;
  const compare = BY_TARGET[request.sortTarget];
  if (compare === undefined) return undefined;
  return request.sortOrder === RangeRequest_SortOrder.DESCEND ? (a, b) => compare(b, a) : compare;
}
