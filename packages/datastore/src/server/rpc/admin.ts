import { create } from "@bufbuild/protobuf";
import { GrpcCode, GrpcError, type GrpcRouter } from "../../grpc/index.ts";
import {
  AlarmMemberSchema,
  AlarmRequest_AlarmAction,
  AlarmResponseSchema,
  AlarmType,
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

/** What an operator asks about: cluster and maintenance. */
export function serveAdmin(router: GrpcRouter, services: Services): void {
  const { identity, store, commits, compactor, checkpointer, space, gate, clientUrls } = services;
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
      errors: space.alarm ? ["NOSPACE: puts are refused until there is room again"] : [],
    });
  });

  const alarms = () =>
    space.alarm ? [create(AlarmMemberSchema, { memberID: memberId, alarm: AlarmType.NOSPACE })] : [];

  // Like etcd's, but for one thing: it ends by itself when there is room. Disarming it looks whether there is.
  router.unary(Maintenance.method.alarm, (request, { headers }) => {
    gate.caller(headers).isAdmin();
    if (request.action === AlarmRequest_AlarmAction.ACTIVATE) throw unimplemented("raising an alarm");
    const raised = alarms();
    if (request.action === AlarmRequest_AlarmAction.DEACTIVATE && raised.length > 0) space.disarm();
    return create(AlarmResponseSchema, { header: header(), alarms: raised });
  });

  router.unary(Maintenance.method.defragment, async (_request, { headers }) => {
    gate.caller(headers).isAdmin();
    await compactor.defragment();
    checkpointer.now();
    return create(DefragmentResponseSchema, { header: header() });
  });

  router.unary(Maintenance.method.hash, (_request, { headers }) => {
    gate.caller(headers).isAdmin();
    return create(HashResponseSchema, { header: header(), hash: hashAt(store, commits.durableRevision) });
  });

  router.unary(Maintenance.method.hashKV, (request, { headers }) => {
    gate.caller(headers).isAdmin();
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
    call.end(unimplemented("a snapshot; use `ocicat datastore backup FILE`"));
    return { message: () => {}, halfClosed: () => {}, drained: () => {}, closed: () => {} };
  });
}

function unimplemented(what: string): GrpcError {
  return new GrpcError(GrpcCode.UNIMPLEMENTED, `etcdserver: not offered here: ${what}`);
}
