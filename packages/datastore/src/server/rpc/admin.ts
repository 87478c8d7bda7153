import { create } from "@bufbuild/protobuf";
import { GrpcCode, GrpcError, type GrpcRouter } from "../../grpc/index.ts";
import {
  AlarmRequest_AlarmAction,
  AlarmResponseSchema,
  Auth,
  Cluster,
  DefragmentResponseSchema,
  HashKVResponseSchema,
  HashResponseSchema,
  Maintenance,
  MemberListResponseSchema,
  MemberSchema,
  StatusResponseSchema,
} from "../../proto/rpc_pb.ts";
import { etcdError } from "../errors.ts";
import { hashAt } from "../storage/hash.ts";
import type { Services } from "./services.ts";

/** Begins with the etcd version whose API this is, since clients read a version from it. */
export const VERSION = "3.5.0+ocicat";

/** What an operator asks about: cluster, maintenance and users. */
export function serveAdmin(router: GrpcRouter, { identity, store, commits, space, clientUrls }: Services): void {
  const { memberId, term } = identity;
  const header = () => identity.headerAt(commits.durableRevision);

  router.unary(Cluster.method.memberList, () => {
    const member = create(MemberSchema, { ID: memberId, name: "ocicat", clientURLs: [...clientUrls()] });
    return create(MemberListResponseSchema, { header: header(), members: [member] });
  });

  router.unary(Maintenance.method.status, () => {
    const index = BigInt(commits.durableRevision);
    return create(StatusResponseSchema, {
      header: header(),
      version: VERSION,
      dbSize: BigInt(store.file.size()),
      dbSizeInUse: BigInt(space.used()),
      leader: memberId,
      raftTerm: term,
      raftIndex: index,
      raftAppliedIndex: index,
    });
  });

  // There are no alarms: a full store refuses puts until there is room, and accepts them again by itself.
  router.unary(Maintenance.method.alarm, (request) => {
    if (request.action === AlarmRequest_AlarmAction.ACTIVATE) throw unimplemented("raising an alarm");
    return create(AlarmResponseSchema, { header: header() });
  });

  router.unary(Maintenance.method.defragment, () => {
    store.file.defragment();
    return create(DefragmentResponseSchema, { header: header() });
  });

  router.unary(Maintenance.method.hash, () =>
    create(HashResponseSchema, { header: header(), hash: hashAt(store, commits.durableRevision) }),
  );

  router.unary(Maintenance.method.hashKV, (request) => {
    const revision = request.revision > 0n ? request.revision : BigInt(commits.durableRevision);
    if (revision > commits.durableRevision) throw etcdError("futureRevision");
    if (revision < store.compactRevision) throw etcdError("compacted");
    return create(HashKVResponseSchema, {
      header: header(),
      hash: hashAt(store, Number(revision)),
      compactRevision: BigInt(store.compactRevision),
    });
  });

  router.stream(Maintenance.method.snapshot, (call) => {
    call.end(unimplemented("a snapshot; stop the server and copy its data file"));
    return { message: () => {}, halfClosed: () => {}, drained: () => {}, closed: () => {} };
  });

  // Clients that are given a user name ask this first, and go on without one when told so.
  router.unary(Auth.method.authenticate, () => {
    throw etcdError("authNotEnabled");
  });
}

function unimplemented(what: string): GrpcError {
  return new GrpcError(GrpcCode.UNIMPLEMENTED, `etcdserver: not offered here: ${what}`);
}
