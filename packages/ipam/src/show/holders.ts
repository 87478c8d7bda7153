import { type AffinityOwner, type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import type { Address, Prefix } from "@ocicat/net";
import { addressOf, attributeOf, isAllocated, ordinalOf, sequenceOf } from "../block/index.ts";

/** Who has an address, as its block says. */
export interface Holder {
  readonly address: Address;
  readonly block: Prefix;
  readonly blockOwner: AffinityOwner | undefined;
  readonly handleId: string | undefined;
  /** `pod`, `namespace`, `node`, `type`, `timestamp`, …. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Of whoever has it besides: the other end of a virtual machine's migration. */
  readonly alternate: Readonly<Record<string, string>>;
  readonly sequence: bigint;
  /** Since when it is nobody's and cooling down, RFC 3339. */
  readonly releasedAt: string | undefined;
}

/** Undefined: nobody has it. */
export function findHolder(blocks: readonly AllocationBlock[], address: Address): Holder | undefined {
  const block = blocks.find(({ prefix }) => prefix.has(address));
  if (block === undefined) return undefined;
  const ordinal = ordinalOf(block, address);
  return isAllocated(block, ordinal) ? holderOf(block, ordinal) : undefined;
}

/** Everyone who holds an address, block by block. */
export function* allHolders(blocks: readonly AllocationBlock[]): Iterable<Holder> {
  for (const block of blocks) {
    for (const ordinal of block.allocations.keys()) if (isAllocated(block, ordinal)) yield holderOf(block, ordinal);
  }
}

/** Addresses that a node has of a block which is not its own: it is announced by itself, and routed to by its own /32 or /128. */
export function* borrowedAddresses(blocks: readonly AllocationBlock[]): Iterable<Holder> {
  for (const holder of allHolders(blocks)) {
    const { node } = holder.attributes;
    const isOwn = holder.blockOwner?.type === "host" && holder.blockOwner.name === node;
    if (node !== undefined && holder.releasedAt === undefined && !isOwn) yield holder;
  }
}

function holderOf(block: AllocationBlock, ordinal: number): Holder {
  const attribute = attributeOf(block, ordinal);
  return {
    address: addressOf(block, ordinal),
    block: block.prefix,
    blockOwner: blockOwner(block),
    handleId: attribute?.handleId,
    attributes: attribute?.secondary ?? {},
    alternate: attribute?.alternate ?? {},
    sequence: sequenceOf(block, ordinal),
    releasedAt: attribute?.releasedAt,
  };
}
