import { type AllocationBlock, handleKey, IPAM_PREFIX, newHandle } from "@ocicat/api/ipam";
import { ordinalsOf } from "../../block/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Missing } from "./job.ts";

/** The key of a block named in CIDR form. */
export function blockKeyOfCidr(cidr: string): string {
  return `${IPAM_PREFIX}assignment/ipv${cidr.includes(":") ? 6 : 4}/block/${cidr.replace("/", "-")}`;
}

/** The blocks that a handle names and nobody has read. */
export function* missingBlocks(rows: Rows, handleId: string): Iterable<Missing> {
  const handle = rows.handle(handleKey(handleId));
  if (handle?.state !== "present") return;
  for (const cidr of handle.value.blocks.keys()) {
    const key = blockKeyOfCidr(cidr);
    if (rows.block(key) === undefined) yield { kind: "row", key };
  }
}

/** The blocks in which a handle holds addresses: those it names, and those of this node's that name it. */
export function blocksOf(
  draft: Draft,
  handleId: string,
): readonly { readonly key: string; readonly block: AllocationBlock }[] {
  const named = [...(draft.handle(handleKey(handleId))?.blocks.keys() ?? [])].map(blockKeyOfCidr);
  const found = new Map<string, AllocationBlock>();
  for (const key of new Set([...named, ...draft.affine(4), ...draft.affine(6)])) {
    const block = draft.block(key);
    if (block !== undefined && ordinalsOf(block, handleId).length > 0) found.set(key, block);
  }
  return [...found].map(([key, block]) => ({ key, block }));
}

/**
 * Makes the handle count what the blocks say, in the blocks it names and in those `touched`. Where it counted more than
 * there is, a writer may be between its two writes, or dead there: the block is fenced, so that this writer is refused
 * and counts again, instead of allocating for a handle that forgot.
 */
export function recount(draft: Draft, handleId: string, touched: Iterable<string>): void {
  const key = handleKey(handleId);
  const handle = draft.handle(key);
  const counts = new Map<string, number>();
  const named = [...(handle?.blocks.keys() ?? [])];
  for (const blockKey of new Set([...named.map(blockKeyOfCidr), ...touched])) {
    const block = draft.block(blockKey);
    const count = block === undefined ? 0 : ordinalsOf(block, handleId).length;
    if (block !== undefined && count > 0) counts.set(block.prefix.toString(), count);
    if (block !== undefined && count < (handle?.blocks.get(block.prefix.toString()) ?? 0)) draft.fence(blockKey);
  }
  if (handle !== undefined && counts.size > 0 && sameCounts(handle.blocks, counts)) return;
  if (counts.size > 0) draft.setHandle(key, { ...(handle ?? newHandle(counts)), blocks: counts });
  else if (handle !== undefined) draft.setHandle(key, undefined);
}

function sameCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([cidr, count]) => b.get(cidr) === count);
}
