import { create } from "@bufbuild/protobuf";
import type { GrpcRouter, ServerCall } from "../../grpc/index.ts";
import {
  Lease,
  LeaseGrantResponseSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeResponseSchema,
  LeaseStatusSchema,
  LeaseTimeToLiveResponseSchema,
} from "../../proto/rpc_pb.ts";
import { mayEndLease } from "../auth/rights.ts";
import { etcdError } from "../errors.ts";
import type { Services } from "./services.ts";

/** Returns what ends the keep-alive streams that are open. */
export function serveLease(
  router: GrpcRouter,
  { identity, leases, space, store, commits, gate }: Services,
): () => void {
  const { headerAt } = identity;
  const headerNow = () => headerAt(commits.durableRevision);

  router.unary(Lease.method.leaseGrant, async (request, { headers }) => {
    gate.caller(headers).isKnown();
    space.require();
    const granted = await leases.grant(request.TTL, request.ID);
    return create(LeaseGrantResponseSchema, {
      header: headerAt(granted.revision),
      ID: granted.id,
      TTL: BigInt(granted.ttlSeconds),
    });
  });

  router.unary(Lease.method.leaseRevoke, async (request, { headers }) => {
    mayEndLease(gate.caller(headers), request.ID, store);
    const revision = await leases.revoke(request.ID);
    return create(LeaseRevokeResponseSchema, { header: headerAt(revision) });
  });

  // A lease that is gone is told with a TTL of 0 (keep-alive) or -1 (time to live), not with an error.
  const keepAlives = new Set<ServerCall<typeof LeaseKeepAliveResponseSchema>>();
  router.stream(Lease.method.leaseKeepAlive, (call) => {
    keepAlives.add(call);
    return {
      message(request) {
        gate.caller(call.headers).isKnown();
        const ttl = leases.keepAlive(request.ID) ?? 0;
        call.send(create(LeaseKeepAliveResponseSchema, { header: headerNow(), ID: request.ID, TTL: BigInt(ttl) }));
      },
      halfClosed: () => call.end(),
      drained: () => {},
      closed: () => void keepAlives.delete(call),
    };
  });

  router.unary(Lease.method.leaseTimeToLive, (request, { headers }) => {
    const caller = gate.caller(headers);
    caller.isKnown();
    const time = leases.timeToLive(request.ID);
    const answer = create(LeaseTimeToLiveResponseSchema, {
      header: headerNow(),
      ID: request.ID,
      TTL: BigInt(time?.remaining ?? -1),
      grantedTTL: BigInt(time?.granted ?? 0),
      keys: time !== undefined && request.keys ? store.leasedKeys(request.ID) : [],
    });
    for (const key of answer.keys) caller.mayRead({ kind: "one", key });
    return commits.settled(answer);
  });

  router.unary(Lease.method.leaseLeases, (_request, { headers }) => {
    gate.caller(headers).isKnown();
    return create(LeaseLeasesResponseSchema, {
      header: headerNow(),
      leases: leases.ids().map((ID) => create(LeaseStatusSchema, { ID })),
    });
  });

  return () => {
    for (const call of keepAlives) call.end(etcdError("stopped"));
  };
}
