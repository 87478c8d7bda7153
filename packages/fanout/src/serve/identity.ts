import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { type ResponseHeader, ResponseHeaderSchema } from "@ocicat/datastore/serving";
import type { Random } from "@ocicat/kit";

/** Who answers. Revisions are the datastore's own, so that they mean the same in every fan-out of one cluster. */
export interface Identity {
  readonly headerAt: (revision: bigint) => ResponseHeader;
}

/** `cluster`: what the datastore is known by. Each process is a member of its own. */
export function identify(cluster: string, random: Random): Identity {
  const clusterId = createHash("sha256").update(cluster).digest().readBigUInt64BE() >> 1n;
  const memberId = (BigInt(random.uint32()) << 31n) | BigInt(random.uint32() >>> 1) | 1n;
  return {
    headerAt: (revision) => create(ResponseHeaderSchema, { clusterId, memberId, raftTerm: 1n, revision }),
  };
}
