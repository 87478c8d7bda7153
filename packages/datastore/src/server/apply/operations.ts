import { create } from "@bufbuild/protobuf";
import {
  type CompactionRequest,
  type CompactionResponse,
  CompactionResponseSchema,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  DeleteRangeResponseSchema,
  type PutRequest,
  type PutResponse,
  PutResponseSchema,
  type RangeRequest,
  type RangeResponse,
  RangeResponseSchema,
} from "../../proto/rpc_pb.ts";
import { etcdError } from "../errors.ts";
import { type Entry, NO_LEASE } from "../storage/entry.ts";
import { type KeyRange, keyRange } from "../storage/key-range.ts";
import type { View } from "../storage/view.ts";
import type { Writer } from "../storage/writer.ts";
import { type HeaderAt, keyValueOf } from "./messages.ts";
import { keysToRead, needsValues, select } from "./selection.ts";

/**
 * Single requests against the store. For each kind `admit…` finds what only the store can find (GrpcError), and the
 * function named for the request, which may count on it, does it. A transaction admits all it is going to do first.
 * What can be found without the store check.ts has found before. Of several faults the one that etcd finds first is told.
 */

export function admitRange(view: View, request: RangeRequest): void {
  if (request.revision > view.revision) throw etcdError("futureRevision");
  if (request.revision > 0n && request.revision < view.compactRevision) throw etcdError("compacted");
}

export function range(view: View, request: RangeRequest, headerAt: HeaderAt): RangeResponse {
  const keys = keyRange(request.key, request.rangeEnd);
  const past = request.revision > 0n && request.revision < view.revision ? Number(request.revision) : undefined;
  const header = headerAt(view.revision);
  if (request.countOnly) {
    return create(RangeResponseSchema, { header, count: BigInt(countAt(view, keys, past)) });
  }

  const limit = keysToRead(request);
  const read = entriesAt(view, keys, past, limit, needsValues(request));
  const { entries, more } = select(request, read);
  const readAll = limit === undefined || read.length < limit;
  return create(RangeResponseSchema, {
    header,
    kvs: entries.map((entry) => keyValueOf(entry, !request.keysOnly)),
    more,
    // Of the whole range, whatever the limit and the filters.
    count: BigInt(readAll ? read.length : countAt(view, keys, past)),
  });
}

export function admitKept(writer: Writer, request: PutRequest): void {
  if ((request.ignoreValue || request.ignoreLease) && writer.get(request.key) === undefined) {
    throw etcdError("keyNotFound");
  }
}

export function admitLease(writer: Writer, request: PutRequest): void {
  if (request.lease !== NO_LEASE && !writer.leases.has(request.lease)) throw etcdError("leaseNotFound");
}

export function put(writer: Writer, request: PutRequest, headerAt: HeaderAt): PutResponse {
  const keeps = request.ignoreValue || request.ignoreLease;
  const previous = request.prevKv || keeps ? valued(writer, request.key) : undefined;
  // Admitted, and then deleted without an end by the same transaction: etcd 3.4 panics here.
  if (keeps && previous === undefined) throw etcdError("keyNotFound");
  const value = request.ignoreValue ? previous?.value : undefined;
  const lease = request.ignoreLease ? previous?.lease : undefined;
  writer.put(request.key, value ?? request.value, lease ?? request.lease);
  const response = create(PutResponseSchema, { header: headerAt(writer.revision) });
  if (request.prevKv && previous !== undefined) response.prevKv = keyValueOf(previous);
  return response;
}

export function deleteRange(writer: Writer, request: DeleteRangeRequest, headerAt: HeaderAt): DeleteRangeResponse {
  const keys = keyRange(request.key, request.rangeEnd);
  const previous = request.prevKv ? writer.entries(keys, { values: true }) : [];
  const deleted = writer.delete(keys);
  return create(DeleteRangeResponseSchema, {
    header: headerAt(writer.revision),
    deleted: BigInt(deleted),
    prevKvs: previous.map((entry) => keyValueOf(entry)),
  });
}

export function compact(writer: Writer, request: CompactionRequest, headerAt: HeaderAt): CompactionResponse {
  if (request.revision <= writer.compactRevision) throw etcdError("compacted");
  if (request.revision > writer.revision) throw etcdError("futureRevision");
  writer.compact(Number(request.revision));
  return create(CompactionResponseSchema, { header: headerAt(writer.revision) });
}

function valued(view: View, key: Uint8Array): Entry | undefined {
  return view.entries({ kind: "one", key }, { values: true })[0];
}

function entriesAt(
  view: View,
  keys: KeyRange,
  past: number | undefined,
  limit: number | undefined,
  values: boolean,
): Entry[] {
  return past === undefined ? view.entries(keys, { limit, values }) : view.entriesAt(keys, past, limit);
}

function countAt(view: View, keys: KeyRange, past: number | undefined): number {
  return past === undefined ? view.count(keys) : view.countAt(keys, past);
}
