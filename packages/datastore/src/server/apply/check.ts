import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from "../../proto/rpc_pb.ts";
import { etcdError } from "../errors.ts";
import { MAX_REQUEST_BYTES, MAX_TXN_OPERATIONS } from "../limits.ts";
import { byteString, type KeyRange, keyRange, rangeContains } from "../storage/key-range.ts";
import { isSortTarget } from "./selection.ts";

/** What can be said against a request without looking at the store. Each function throws GrpcError, or returns. */

export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw etcdError("emptyKey");
  const knownOrder = request.sortOrder >= 0 && request.sortOrder <= 2;
  if (!knownOrder || !isSortTarget(request.sortTarget)) throw etcdError("invalidSortOption");
}

export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw etcdError("emptyKey");
  if (request.ignoreValue && request.value.length > 0) throw etcdError("valueProvided");
  if (request.ignoreLease && request.lease !== 0n) throw etcdError("leaseProvided");
  checkSize(putBytes(request));
}

export function checkDelete(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw etcdError("emptyKey");
}

export function checkTxn(request: TxnRequest): void {
  // First, because it bounds how deep the others may go.
  checkOperations(request, MAX_TXN_OPERATIONS);
  checkSize(txnBytes(request));
  writtenKeys(request.success);
  writtenKeys(request.failure);
}

function checkSize(bytes: number): void {
  if (bytes > MAX_REQUEST_BYTES) throw etcdError("requestTooLarge");
}

function checkOperations(request: TxnRequest, allowed: number): void {
  const count = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (count > allowed) throw etcdError("tooManyOperations");
  if (request.compare.some((compare) => compare.key.length === 0)) throw etcdError("emptyKey");
  for (const operation of [...request.success, ...request.failure]) checkOperation(operation, allowed - count);
}

function checkOperation({ request }: RequestOp, allowed: number): void {
  switch (request.case) {
    case "requestRange":
      checkRange(request.value);
      break;
    case "requestPut":
      checkPut(request.value);
      break;
    case "requestDeleteRange":
      checkDelete(request.value);
      break;
    case "requestTxn":
      checkOperations(request.value, allowed);
      break;
    case undefined:
      // etcd's answer to an operation that is none.
      throw etcdError("keyNotFound");
  }
}

interface Written {
  readonly puts: ReadonlySet<string>;
  readonly deletes: readonly KeyRange[];
}

/**
 * What a branch may write, both branches of nested transactions included. Throws where a key could be put twice, or put
 * and deleted by the same level or a level around it: what it would be afterwards would depend on the order. Two branches
 * of one nested transaction may put the same key, since only one of them runs. Deletes without an end are not looked at,
 * as in etcd: what is put after one of those exists, what is put before does not.
 */
function writtenKeys(operations: readonly RequestOp[]): Written {
  const puts = new Set<string>();
  const deletes: KeyRange[] = [];
  const addPut = (key: string) => {
    const bytes = Buffer.from(key, "latin1");
    if (puts.has(key) || deletes.some((range) => rangeContains(range, bytes))) throw etcdError("duplicateKey");
    puts.add(key);
  };

  for (const { request } of operations) {
    if (request.case !== "requestDeleteRange") continue;
    const range = keyRange(request.value.key, request.value.rangeEnd);
    if (range.kind !== "from") deletes.push(range);
  }
  for (const { request } of operations) {
    if (request.case !== "requestTxn") continue;
    const branches = [writtenKeys(request.value.success), writtenKeys(request.value.failure)];
    for (const key of new Set(branches.flatMap((branch) => [...branch.puts]))) addPut(key);
    deletes.push(...branches.flatMap((branch) => branch.deletes));
  }
  for (const { request } of operations) {
    if (request.case === "requestPut") addPut(byteString(request.value.key));
  }
  return { puts, deletes };
}

function putBytes(request: PutRequest): number {
  return request.key.length + request.value.length;
}

function txnBytes(request: TxnRequest): number {
  let bytes = 0;
  for (const compare of request.compare) {
    bytes += compare.key.length + (compare.targetUnion.case === "value" ? compare.targetUnion.value.length : 0);
  }
  for (const { request: operation } of [...request.success, ...request.failure]) {
    if (operation.case === "requestPut") bytes += putBytes(operation.value);
    else if (operation.case === "requestTxn") bytes += txnBytes(operation.value);
  }
  return bytes;
}

/** True if neither branch can write: such a transaction needs no place in the order of writes. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    ({ request: operation }) =>
      operation.case === "requestRange" || (operation.case === "requestTxn" && isReadOnly(operation.value)),
  );
}

/** True if a branch can put something, and so needs room. */
export function puts(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].some(
    ({ request: operation }) =>
      operation.case === "requestPut" || (operation.case === "requestTxn" && puts(operation.value)),
  );
}
