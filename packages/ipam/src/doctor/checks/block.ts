import { type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import { isEmpty } from "../../block/index.ts";
import type { Stored } from "../../census/index.ts";
import { type Draft, judged, mendable } from "../draft.ts";
import type { Evidence } from "./evidence.ts";

/** A block that no pool has, or a node that is gone. */
export function* checkBlock(evidence: Evidence, { key, value: block }: Stored<AllocationBlock>): Iterable<Draft> {
  const { nodes, pools, endpointsOn } = evidence;
  const isSure = !evidence.isBlind && !evidence.usedUnheld.has(key);
  const owner = blockOwner(block);
  const isInPool = pools.matches(block.prefix).next().done !== true;
  if (!isInPool && isEmpty(block) && isSure) {
    const mend = { operation: "delete-empty-block", block: key } as const;
    yield mendable("IPAM_BLOCK_WITHOUT_POOL", key, "it is empty, and in no pool", mend);
    return;
  }
  if (!isInPool) yield judged("IPAM_BLOCK_WITHOUT_POOL", key, "it is in no pool that can be read", ADVICE_NO_POOL);
  if (owner?.type !== "host" || nodes.has(owner.name)) return;
  const what = `it is ${owner.name}'s, and there is no such Node`;
  const endpoints = endpointsOn.get(owner.name) ?? 0;
  if (endpoints === 0 && isSure) {
    const mend = { operation: "release-affinity", node: owner.name, block: key } as const;
    yield mendable("IPAM_BLOCK_OF_DEAD_NODE", key, what, mend);
    return;
  }
  const advice = `start its agent again, or create Node ${owner.name} and delete it with ocicat delete node`;
  yield judged("IPAM_BLOCK_OF_DEAD_NODE", key, `${what}; ${endpoints} endpoints are on it`, advice);
}

const ADVICE_NO_POOL = "create a pool around it, or end what uses it; then look again";
