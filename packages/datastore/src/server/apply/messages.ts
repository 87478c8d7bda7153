import type { KeyValue } from "../../proto/kv_pb.ts";
import type { ResponseHeader } from "../../proto/rpc_pb.ts";
import { type Entry, NO_BYTES } from "../storage/entry.ts";

/** The header of an answer, with the revision at which its request took effect. */
export type HeaderAt = (revision: number) => ResponseHeader;

/** Written out, not made by `create`: all of one shape, a thousand of them encode in a third of the time. */
export function keyValueOf(entry: Entry, withValue = true): KeyValue {
  return {
    $typeName: "mvccpb.KeyValue",
    key: entry.key,
    value: withValue ? entry.value : NO_BYTES,
    createRevision: BigInt(entry.createRevision),
    modRevision: BigInt(entry.modRevision),
    version: BigInt(entry.version),
    lease: entry.lease,
  };
}
