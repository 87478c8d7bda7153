import type { Revision } from "../datastore.ts";
import type { ResponseHeader } from "../proto/rpc_pb.ts";

/** Who has told a revision: revisions mean something in one store only. */
export interface Origin {
  readonly cluster: bigint;
  readonly member: bigint;
  /** The highest revision it is known to have had. */
  readonly revision: Revision;
}

/** Undefined where the answer does not say. */
export function originOf(header: ResponseHeader | undefined): Origin | undefined {
  if (header === undefined || header.clusterId === 0n) return undefined;
  return { cluster: header.clusterId, member: header.memberId, revision: header.revision };
}

/**
 * True if what answers now is certainly another store than before: another cluster, or the same member with less history,
 * as an etcd that was made anew has the old one's names. A member that lags behind another is no sign of that.
 */
export function isAnotherStore(before: Origin, now: Origin): boolean {
  return before.cluster !== now.cluster || (before.member === now.member && now.revision < before.revision);
}
