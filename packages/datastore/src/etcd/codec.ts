import { isUtf8 } from "node:buffer";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Compare, KeyValue, ListOptions, Operation, WatchEvent } from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import { type Event, Event_EventType, type KeyValue as WireKeyValue } from "../proto/kv_pb.ts";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type CompareSchema,
  type DeleteRangeRequestSchema,
  type PutRequestSchema,
  type RangeRequest,
  RangeRequestSchema,
  type RequestOpSchema,
  type TxnRequest,
  TxnRequestSchema,
} from "../proto/rpc_pb.ts";

/** Between our words and etcd's messages. Keys and values are UTF-8 text here and bytes there. */

export function encodeText(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

/** Throws INVALID for bytes that are no UTF-8: as text they could not be written back unchanged. */
function decodeText(bytes: Uint8Array, what: "key" | "value", key: string | undefined): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString("utf8");
  throw new DatastoreError("INVALID", `the stored ${what} is not UTF-8 text`, {
    key: key ?? buffer.toString("latin1"),
    fix: "keep other programs' binary data out of this prefix",
  });
}

export function decodeKeyValue(wire: WireKeyValue): KeyValue {
  const key = decodeText(wire.key, "key", undefined);
  return {
    key,
    value: decodeText(wire.value, "value", key),
    modRevision: wire.modRevision,
    createRevision: wire.createRevision,
    version: wire.version,
    lease: wire.lease,
  };
}

export function decodeEvent({ type, kv, prevKv }: Event): WatchEvent {
  if (kv === undefined) throw new DatastoreError("INTERNAL", "the server sent a watch event without a key");
  const previous = prevKv === undefined ? undefined : decodeKeyValue(prevKv);
  if (type === Event_EventType.PUT) return { type: "put", item: decodeKeyValue(kv), previous };
  return { type: "delete", key: decodeText(kv.key, "key", undefined), revision: kv.modRevision, previous };
}

const FIRST_KEY = Buffer.of(0);

/** A range end of one zero byte: up to the last key there is. */
const TO_THE_END = Buffer.of(0);

/** The range of all keys that begin with `prefix`: it ends at the first key that is above all of them. */
export function prefixRange(prefix: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
  if (prefix === "") return { key: FIRST_KEY, rangeEnd: TO_THE_END };
  const key = encodeText(prefix);
  const rangeEnd = Buffer.from(key);
  // UTF-8 has no byte 0xFF, so the last one can always be raised.
  rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) ?? 0) + 1;
  return { key, rangeEnd };
}

/** A page of a prefix, of at most `limit` keys. */
export function listRequest(prefix: string, options: ListOptions & { readonly limit: number }): RangeRequest {
  const { key, rangeEnd } = prefixRange(prefix);
  const { after, limit, revision = 0n } = options;
  // The least key above `after` is `after` and a zero byte.
  const next = after === undefined ? undefined : encodeText(`${after}\u0000`);
  const start = next !== undefined && Buffer.compare(next, key) > 0 ? next : key;
  return create(RangeRequestSchema, { key: start, rangeEnd, limit: BigInt(limit), revision });
}

type Op = MessageInitShape<typeof RequestOpSchema>;

export function rangeOp(key: Uint8Array): Op {
  return { request: { case: "requestRange", value: { key } } };
}

export function putOp(value: MessageInitShape<typeof PutRequestSchema>): Op {
  return { request: { case: "requestPut", value } };
}

export function deleteOp(value: MessageInitShape<typeof DeleteRangeRequestSchema>): Op {
  return { request: { case: "requestDeleteRange", value } };
}

export function encodeOperation(operation: Operation): Op {
  if ("delete" in operation) return deleteOp({ key: encodeText(operation.delete) });
  const { put, value, lease = 0n } = operation;
  return putOp({ key: encodeText(put), value: encodeText(value), lease });
}

export function encodeCompare(compare: Compare): MessageInitShape<typeof CompareSchema> {
  const key = encodeText(compare.key);
  if ("modRevision" in compare) {
    return {
      key,
      target: Compare_CompareTarget.MOD,
      result: Compare_CompareResult.EQUAL,
      targetUnion: { case: "modRevision", value: compare.modRevision },
    };
  }
  // A key that does not exist compares as version 0.
  return {
    key,
    target: Compare_CompareTarget.VERSION,
    result: compare.exists ? Compare_CompareResult.GREATER : Compare_CompareResult.EQUAL,
    targetUnion: { case: "version", value: 0n },
  };
}

/** If all compares hold, `operations`; else the compared keys as they are. */
export function txnRequest(compares: readonly Compare[], operations: readonly Op[]): TxnRequest {
  const compare = compares.map(encodeCompare);
  return create(TxnRequestSchema, {
    compare,
    success: [...operations],
    failure: compares.map(({ key }) => rangeOp(encodeText(key))),
  });
}
