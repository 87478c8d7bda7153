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
  for (const key of new Set([...named, ...draft.affineHolding(handleId)])) {
    const block = draft.block(key);
    if (block !== undefined && ordinalsOf(block, handleId).length > 0) found.set(key, block);
  }
  return [...found].map(([key, block]) => ({ key, block }));
}

/**
 * Makes the handle count what the blocks say, in the blocks it names and in `others`: those that give it addresses in
 * this draft (`"giving"`), or that were seen to have some for it (`"counting"`).
 *
 * Without transactions a writer may at any time stand between its two writes, or have died there: its handle counts more
 * than the blocks say. Whoever corrects that first writes the block (a fence: the writer's own write of it is refused),
 * then the handle. And whoever gives addresses writes the handle each time anew before the block, also where its counts
 * stay the same: then either the correction is refused, or the writer finds its handle changed and begins again.
 */
export function recount(
  draft: Draft,
  handleId: string,
  others: Iterable<string>,
  purpose: "giving" | "counting",
): void {
  const key = handleKey(handleId);
  const handle = draft.handle(key);
  const more = new Set(others);
  const counts = new Map<string, number>();
  const named = [...(handle?.blocks.keys() ?? [])].map(blockKeyOfCidr);
  const looked = new Set([...named, ...more]);
  for (const blockKey of looked) {
    const block = draft.block(blockKey);
    if (block === undefined) continue;
    const cidr = block.prefix.toString();
    const count = ordinalsOf(block, handleId).length;
    if (count > 0) counts.set(cidr, count);
    if (count < (handle?.blocks.get(cidr) ?? 0)) draft.fence(blockKey);
  }
  const isGiving = purpose === "giving" && more.size > 0;
  if (!isGiving && handle !== undefined && counts.size > 0 && sameCounts(handle.blocks, counts)) return;
  // A block that is gone, or gives what was to be given, must still be so: it is compared though not written.
  for (const blockKey of looked) draft.verify(blockKey);
  if (isGiving) draft.give(key);
  if (counts.size > 0) draft.setHandle(key, { ...(handle ?? newHandle(counts)), blocks: counts });
  else if (handle !== undefined) draft.setHandle(key, undefined);
}

function sameCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([cidr, count]) => b.get(cidr) === count);
}
