import type { GrpcRouter } from "../../grpc/index.ts";
import { KV } from "../../proto/rpc_pb.ts";
import { checkDelete, checkPut, checkRange, checkTxn, isReadOnly, puts } from "../apply/check.ts";
import { admitKept, admitLease, admitRange, compact, deleteRange, put, range } from "../apply/operations.ts";
import { readOnlyTxn, txn } from "../apply/txn.ts";
import { mayDelete, mayPut, mayRange, mayTxn } from "../auth/rights.ts";
import type { Services } from "./services.ts";

/** Reads look at the store at once; writes go through the group commit. */
export function serveKv(router: GrpcRouter, services: Services): void {
  const { store, commits, compactor, space, gate } = services;
  const { headerAt } = services.identity;

  router.unary(KV.method.range, (request, { headers }) => {
    checkRange(request);
    mayRange(gate.caller(headers), request);
    admitRange(store, request);
    return commits.settled(range(store, request, headerAt));
  });

  router.unary(KV.method.put, (request, { headers }) => {
    checkPut(request);
    mayPut(gate.caller(headers), request, store);
    space.require();
    return commits.submit((writer) => {
      admitLease(writer, request);
      admitKept(writer, request);
      return put(writer, request, headerAt);
    });
  });

  router.unary(KV.method.deleteRange, (request, { headers }) => {
    checkDelete(request);
    mayDelete(gate.caller(headers), request);
    return commits.submit((writer) => deleteRange(writer, request, headerAt));
  });

  router.unary(KV.method.txn, (request, { headers }) => {
    checkTxn(request);
    mayTxn(gate.caller(headers), request, store);
    if (isReadOnly(request)) return commits.settled(readOnlyTxn(store, request, headerAt));
    if (puts(request)) space.require();
    return commits.submit((writer) => txn(writer, request, headerAt));
  });

  router.unary(KV.method.compact, async (request, { headers }) => {
    gate.caller(headers).isKnown();
    const response = await commits.submit((writer) => compact(writer, request, headerAt));
    const scavenged = compactor.scavenge();
    if (request.physical) await scavenged;
    return response;
  });
}
