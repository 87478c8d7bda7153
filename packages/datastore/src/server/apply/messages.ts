import { create } from "@bufbuild/protobuf";
import { type KeyValue, KeyValueSchema } from "../../proto/kv_pb.ts";
import type { ResponseHeader } from "../../proto/rpc_pb.ts";
import { type Entry, NO_BYTES } from "../storage/entry.ts";

/** The header of an answer, with the revision at which its request took effect. */
export type HeaderAt = (revision: number) => ResponseHeader;

export function keyValueOf(entry: Entry, withValue = true): KeyValue {
  return create(KeyValueSchema, {
    key: entry.key,
    value: withValue ? entry.value : NO_BYTES,
    createRevision: BigInt(entry.createRevision),
    modRevision: BigInt(entry.modRevision),
    version: BigInt(entry.version),
    lease: entry.lease,
  });
}
