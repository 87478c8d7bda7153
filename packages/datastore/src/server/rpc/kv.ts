import type { GrpcRouter } from "../../grpc/index.ts";
import { KV } from "../../proto/rpc_pb.ts";
import { checkDelete, checkPut, checkRange, checkTxn, isReadOnly, mayPut } from "../apply/check.ts";
import { admitKept, admitLease, admitRange, compact, deleteRange, put, range } from "../apply/operations.ts";
import { readOnlyTxn, txn } from "../apply/txn.ts";
import type { Services } from "./services.ts";

/** Reads look at the store at once; writes go through the group commit. */
export function serveKv(router: GrpcRouter, services: Services): void {
  const { store, commits, compactor, space } = services;
  const { headerAt } = services.identity;

  router.unary(KV.method.range, (request) => {
    checkRange(request);
    admitRange(store, request);
    return commits.settled(range(store, request, headerAt));
  });

  router.unary(KV.method.put, (request) => {
    checkPut(request);
    space.require();
    return commits.submit((writer) => {
      admitLease(writer, request);
      admitKept(writer, request);
      return put(writer, request, headerAt);
    });
  });

  router.unary(KV.method.deleteRange, (request) => {
    checkDelete(request);
    return commits.submit((writer) => deleteRange(writer, request, headerAt));
  });

  router.unary(KV.method.txn, (request) => {
    checkTxn(request);
    if (isReadOnly(request)) return commits.settled(readOnlyTxn(store, request, headerAt));
    if (mayPut(request)) space.require();
    return commits.submit((writer) => txn(writer, request, headerAt));
  });

  router.unary(KV.method.compact, async (request) => {
    const response = await commits.submit((writer) => compact(writer, request, headerAt));
    const scavenged = compactor.scavenge();
    if (request.physical) await scavenged;
    return response;
  });
}
