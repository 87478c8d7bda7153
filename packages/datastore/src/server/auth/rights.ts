import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from "../../proto/rpc_pb.ts";
import { NO_LEASE } from "../storage/entry.ts";
import { keyRange } from "../storage/key-range.ts";
import type { View } from "../storage/view.ts";
import type { Caller } from "./gate.ts";

/** What rights a request asks for. Each function throws GrpcError if the caller lacks one. */

export function mayRange(caller: Caller, request: RangeRequest): void {
  caller.mayRead(keyRange(request.key, request.rangeEnd));
}

/** A key that comes under a lease goes with it, and so do those that are there: one must be allowed to write them all. */
export function mayPut(caller: Caller, request: PutRequest, view: View): void {
  const range = keyRange(request.key, new Uint8Array(0));
  caller.mayWrite(range);
  if (request.prevKv) caller.mayRead(range);
  if (request.lease !== NO_LEASE) mayEndLease(caller, request.lease, view);
}

export function mayDelete(caller: Caller, request: DeleteRangeRequest): void {
  const range = keyRange(request.key, request.rangeEnd);
  caller.mayWrite(range);
  if (request.prevKv) caller.mayRead(range);
}

/** Of both branches: which one it will be is not known yet, and would tell what a compare may not. */
export function mayTxn(caller: Caller, request: TxnRequest, view: View): void {
  for (const { key, rangeEnd } of request.compare) caller.mayRead(keyRange(key, rangeEnd));
  for (const operation of [...request.success, ...request.failure]) mayOperate(caller, operation, view);
}

function mayOperate(caller: Caller, { request }: RequestOp, view: View): void {
  switch (request.case) {
    case "requestRange":
      mayRange(caller, request.value);
      break;
    case "requestPut":
      mayPut(caller, request.value, view);
      break;
    case "requestDeleteRange":
      mayDelete(caller, request.value);
      break;
    case "requestTxn":
      mayTxn(caller, request.value, view);
      break;
    case undefined:
      break;
  }
}

export function mayEndLease(caller: Caller, lease: bigint, view: View): void {
  caller.isKnown();
  if (caller.name === undefined) return;
  for (const key of view.leasedKeys(lease)) caller.mayWrite({ kind: "one", key });
}
