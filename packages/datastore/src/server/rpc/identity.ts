import { create } from "@bufbuild/protobuf";
import { ResponseHeaderSchema } from "../../proto/rpc_pb.ts";
import type { HeaderAt } from "../apply/messages.ts";
import type { Store } from "../storage/store.ts";

/** Who answers: a cluster of one, whose only member is its leader. */
export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  /** One more with each start: each is a leader anew. */
  readonly term: bigint;
  readonly headerAt: HeaderAt;
}

/** Counts this start, so that clients can tell. */
export function identify(store: Store): Identity {
  const clusterId = BigInt(store.meta.get("cluster_id"));
  const memberId = BigInt(store.meta.get("member_id"));
  const raftTerm = BigInt(store.meta.get("starts")) + 1n;
  store.maintain(() => store.meta.set("starts", raftTerm.toString()));
  store.file.log.flushNow();
  const headerAt: HeaderAt = (revision) =>
    create(ResponseHeaderSchema, { clusterId, memberId, raftTerm, revision: BigInt(revision) });
  return { clusterId, memberId, term: raftTerm, headerAt };
}
