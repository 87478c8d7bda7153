import { type AffinityOwner, type AllocationAttribute, type AllocationBlock, isOwnedBy } from "@ocicat/api/ipam";

/** True if an allocation was made for `owner`: a node says so in it; what names no node goes with the block's owner. */
export function isFor(owner: AffinityOwner, block: AllocationBlock, { secondary }: AllocationAttribute): boolean {
  if (owner.type === "host") return secondary.node === owner.name;
  return secondary.node === undefined && isOwnedBy(block, owner);
}
