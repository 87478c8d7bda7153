import { compileSelector, type IPPool } from "@ocicat/api";
import { type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import { type Address, parsePrefix } from "@ocicat/net";
import { ordinalOf } from "../block/index.ts";
import type { Census } from "../census/index.ts";
import type { StoryPool } from "./story.ts";

/** The pools that hold an address: one, unless somebody made them overlap. `node`: whose it is, or would be first. */
export function poolsAround(census: Census, address: Address, node: string | undefined): readonly StoryPool[] {
  return census.pools
    .filter(({ spec }) => parsePrefix(spec.cidr).has(address))
    .map((pool) => ({ name: pool.metadata.name, cidr: pool.spec.cidr, why: whyOf(census, pool, node) }));
}

function whyOf(census: Census, pool: IPPool, node: string | undefined): string {
  const { spec } = pool;
  const parts = [
    `its CIDR holds the address`,
    spec.disabled ? "it is disabled and gives out no more" : `it is for ${spec.allowedUses.join(" and ")}`,
    ...(spec.assignmentMode === "Manual" ? ["it serves only requests that name it"] : []),
    selection(census, pool, node),
  ];
  return parts.join("; ");
}

function selection(census: Census, { spec }: IPPool, name: string | undefined): string {
  const selector = spec.nodeSelector === "all()" ? "every node" : `nodes with ${spec.nodeSelector}`;
  if (name === undefined) return `for ${selector}`;
  const node = census.nodes.find(({ value }) => value.metadata.name === name)?.value;
  if (node === undefined) return `for ${selector}, and there is no Node ${name}`;
  const selects = compileSelector(spec.nodeSelector).matches(node.metadata.labels ?? {});
  return `for ${selector}, ${selects ? "of which" : "but not"} ${name}${selects ? " is one" : ""}`;
}

/** Who could give out an address that nobody holds, in words. */
export function giversOf(census: Census, address: Address, block: AllocationBlock | undefined): string {
  const pool = census.pools.find(({ spec }) => parsePrefix(spec.cidr).has(address));
  if (pool === undefined) return "nobody: it is in no pool";
  const reservation = census.reservations.find(({ network }) => network.has(address));
  if (reservation !== undefined) return `nobody: IPReservation ${reservation.name} keeps it`;
  if (pool.spec.disabled) return `nobody: pool ${pool.metadata.name} is disabled`;
  const whom = pool.spec.assignmentMode === "Manual" ? `, to requests that name pool ${pool.metadata.name}` : "";
  const { strictAffinity, autoAllocateBlocks } = census.config;
  if (block === undefined) {
    if (!autoAllocateBlocks) return "nobody of its own accord: nodes may not claim blocks";
    return `the node that claims its block first, among those the pool selects${whom}`;
  }
  const owner = blockOwner(block);
  const before = block.unallocated.indexOf(ordinalOf(block, address));
  const turn = before > 0 ? `, after ${before} others of its block` : "";
  if (owner === undefined)
    return strictAffinity
      ? "nobody: its block is nobody's, and nodes may not borrow"
      : `a node that borrows${turn}${whom}`;
  const others = strictAffinity ? "; no other node may borrow it" : "; another node where its own blocks are full";
  return `${owner.name}${turn}${whom}${others}`;
}
