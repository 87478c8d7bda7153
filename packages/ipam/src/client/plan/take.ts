import { type AllocationBlock, affinityKey, blockKey, handleKey, newAffinity, type Owner } from "@ocicat/api/ipam";
import { type Address, familyOf, formatAddress } from "@ocicat/net";
import { addressOf, assign, attributeOf, createBlock, reclaimCooled, sequenceOf } from "../../block/index.ts";
import { poolOfBlock, reservedOrdinals } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { AssignedAddress } from "../types.ts";
import type { Acquisitions } from "./acquisitions.ts";
import type { Candidate, PlanContext } from "./job.ts";

/** The block with what has cooled down free again: every write of a block does that on the way. */
export function warmBlock(draft: Draft, key: string, context: PlanContext): AllocationBlock | undefined {
  const block = draft.block(key);
  return block && reclaimCooled(block, context.now, context.settings.config.ipCooldownSeconds);
}

/** Drafts up to `count` addresses of one block for an owner. */
export function takeFrom(
  draft: Draft,
  key: string,
  owner: Owner,
  count: number,
  context: PlanContext,
  why: (block: AllocationBlock) => string,
): readonly AssignedAddress[] {
  const block = warmBlock(draft, key, context);
  if (block === undefined || block.unallocated.length === 0) return [];
  const reserved = reservedOrdinals(block.prefix, context.settings.reservations);
  const { block: next, ordinals } = assign(block, owner, count, reserved);
  if (ordinals.length === 0) return [];
  draft.setBlock(key, next);
  return ordinals.map((ordinal) => describe(draft, next, addressOf(next, ordinal), context, why(block)));
}

/**
 * Makes sure, in the same commit, that the affinity of a block the node allocates from stands confirmed: another node may
 * have begun to take the block away when it was empty, and died. Without transactions that would cost a read each time,
 * and is left to the next load of the affinities.
 */
export function confirmOwn(draft: Draft, block: AllocationBlock, context: PlanContext): void {
  const key = affinityKey(draft.owner, block.prefix);
  const affinity = draft.affinity(key);
  if (affinity?.state !== "confirmed") {
    draft.setAffinity(key, { ...(affinity ?? newAffinity("confirmed")), state: "confirmed" });
  } else if (context.transactions) draft.verify(key);
}

/** An address of a block as the caller is told of it. */
export function describe(
  draft: Draft,
  block: AllocationBlock,
  address: Address,
  context: PlanContext,
  reason: string,
  reused = false,
): AssignedAddress {
  const ordinal = Number(block.prefix.ordinalOf(address));
  const isOwn = block.affinity === `${draft.owner.type}:${draft.owner.name}`;
  return {
    address,
    family: familyOf(address),
    pool: poolOfBlock(context.settings.pools, block.prefix)?.name,
    block: block.prefix,
    sequence: sequenceOf(block, ordinal),
    borrowedFrom: isOwn ? undefined : (block.affinity ?? "nobody"),
    reused,
    reason: `${formatAddress(address)}: ${reason}`,
  };
}

/** An address that the handle holds: from before, or from an earlier attempt of this very request. */
export function describeHeld(
  draft: Draft,
  block: AllocationBlock,
  ordinal: number,
  acquired: Acquisitions,
  context: PlanContext,
): AssignedAddress {
  const address = addressOf(block, ordinal);
  const isOwn = acquired.has(address, sequenceOf(block, ordinal));
  const reason = isOwn ? `given by ${block.prefix}` : `held by ${attributeOf(block, ordinal)?.handleId} already`;
  return describe(draft, block, address, context, reason, !isOwn);
}

/** What is handed out without being written is compared at the commit: the rows it was found in may be old. */
export function verifyHeld(draft: Draft, handleId: string, addresses: readonly AssignedAddress[]): void {
  draft.verify(handleKey(handleId));
  for (const { block } of addresses) draft.verify(blockKey(block));
}

/**
 * Drafts a block as this node's own, with its affinity confirmed: claim and all in one commit. False: the block is not
 * as it was found any more, in the store or in this draft, and somebody's addresses may be in it.
 */
export function draftClaim(draft: Draft, candidate: Candidate, context: PlanContext): boolean {
  const { key, prefix, steal } = candidate;
  const old = draft.block(key);
  if (old?.sequenceNumber !== steal?.sequence || draft.changesBlock(key)) return false;
  const first = context.firstSequence();
  const sequenceNumber = old !== undefined && old.sequenceNumber >= first ? old.sequenceNumber + 1n : first;
  draft.setBlock(key, createBlock({ prefix, owner: draft.owner, now: context.now, sequenceNumber }));
  const ownKey = affinityKey(draft.owner, prefix);
  draft.setAffinity(ownKey, { ...(draft.affinity(ownKey) ?? newAffinity("confirmed")), state: "confirmed" });
  if (steal?.owner !== undefined) draft.setAffinity(affinityKey(steal.owner, prefix), undefined);
  return true;
}
