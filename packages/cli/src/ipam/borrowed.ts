import { type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import { addressOf, attributeOf } from "@ocicat/ipam";
import type { Address, Prefix } from "@ocicat/net";

/** An address that a node took from another's block. */
export interface Borrowed {
  readonly address: Address;
  readonly borrower: string;
  readonly block: Prefix;
  readonly owner: string;
  /** `pod`, or the tunnel that the address is for. */
  readonly type: string;
  /** `namespace/pod`, or the handle where there is no pod. */
  readonly holder: string;
}

export function borrowedFrom(blocks: readonly AllocationBlock[]): readonly Borrowed[] {
  return blocks.flatMap((block) => {
    const owner = blockOwner(block);
    if (owner === undefined) return [];
    return [...block.allocations.keys()].flatMap((ordinal) => {
      const attribute = attributeOf(block, ordinal);
      const { node, pod, namespace = "", type = pod === undefined ? "" : "pod" } = attribute?.secondary ?? {};
      if (node === undefined || node === owner.name) return [];
      const holder = pod === undefined ? (attribute?.handleId ?? "") : `${namespace}/${pod}`;
      return [
        { address: addressOf(block, ordinal), borrower: node, block: block.prefix, owner: owner.name, type, holder },
      ];
    });
  });
}
