import { decodeStored, node, resourceKey, workloadEndpoint } from "@ocicat/api";
import {
  affinityKey,
  blockOwner,
  decodeAffinity,
  decodeIpamConfig,
  encodeAffinity,
  handleKey,
  hostOwner,
  IPAM_CONFIG_KEY,
  newAffinity,
  newHandle,
} from "@ocicat/api/ipam";
import type { KeyValue } from "@ocicat/datastore";
import { parseAddress } from "@ocicat/net";
import { compactAttributes } from "../../block/attributes.ts";
import {
  assignOrdinal,
  clearAffinity,
  isCooling,
  isEmpty,
  ordinalOf,
  ordinalsOf,
  release,
  rfc3339,
} from "../../block/index.ts";
import { addressUses } from "../../census/index.ts";
import { blockKeyOfCidr } from "../../client/plan/handle.ts";
import type { Change } from "./change.ts";
import type { Mend } from "./mend.ts";
import { freeUnowned, repairBlock } from "./repair.ts";

type Of<O extends Mend["operation"]> = Extract<Mend, { readonly operation: O }>;

/** Drafts the operation on the rows as they are now; nothing where it is not needed any more. `now`: ms since 1970. */
export async function planMend(change: Change, mend: Mend, now: number): Promise<void> {
  switch (mend.operation) {
    case "repair-block":
      return repairBlock(change, mend.block);
    case "free-unowned":
      return freeUnowned(change, mend.block, parseAddress(mend.address));
    case "delete-empty-block":
      return deleteEmpty(change, mend);
    case "settle-affinity":
      return settleAffinity(change, mend);
    case "release-affinity":
      return releaseAffinity(change, mend);
    case "recount-handle":
      return recountHandle(change, mend.handle, mend.blocks);
    case "release-address":
      return releaseAddress(change, mend, now);
    case "allocate":
      return allocate(change, mend);
  }
}

async function deleteEmpty(change: Change, { block: key }: Of<"delete-empty-block">): Promise<void> {
  const block = await change.block(key);
  if (block === undefined || !isEmpty(block)) return;
  const owner = blockOwner(block);
  change.setBlock(key, undefined);
  if (owner !== undefined) await remove(change, affinityKey(owner, block.prefix));
}

async function settleAffinity(change: Change, mend: Of<"settle-affinity">): Promise<void> {
  const block = await change.block(mend.block);
  const row = await change.row(mend.affinity);
  const affinity = row && decodeAffinity(row.key, row.value);
  if (block?.affinity !== mend.owner) return remove(change, mend.affinity);
  if (affinity?.state === "confirmed") return;
  change.write(mend.affinity, encodeAffinity({ ...(affinity ?? newAffinity("confirmed")), state: "confirmed" }));
}

async function releaseAffinity(change: Change, { node: name, block: key }: Of<"release-affinity">): Promise<void> {
  // A node that came back keeps its blocks.
  if ((await change.row(resourceKey("Node", name))) !== undefined) return;
  const block = await change.block(key);
  if (block?.affinity !== `host:${name}`) return;
  change.setBlock(key, isEmpty(block) ? undefined : clearAffinity(block));
  await remove(change, affinityKey(hostOwner(name), block.prefix));
}

async function releaseAddress(change: Change, mend: Of<"release-address">, now: number): Promise<void> {
  const block = await change.block(mend.block);
  if (block === undefined) return;
  const ordinal = ordinalOf(block, parseAddress(mend.address));
  for (const guard of mend.guards) if (isUsedBy(await change.row(guard), mend.address)) return;
  const handle = mend.handle === undefined ? undefined : await change.row(handleKey(mend.handle));
  if (handle?.modRevision !== mend.handleRevision) return;
  const config = await change.row(IPAM_CONFIG_KEY);
  const cooldown = config === undefined ? 0 : decodeIpamConfig(config.key, config.value).ipCooldownSeconds;
  const target = { ordinal, handleId: mend.handle, sequence: mend.sequence };
  const outcome = release(block, [target], cooldown > 0 ? rfc3339(now) : undefined);
  // Another's by now, or free.
  if (outcome.kind !== "released" || outcome.released.length === 0) return;
  change.setBlock(mend.block, outcome.block.affinity === null && isEmpty(outcome.block) ? undefined : outcome.block);
  if (mend.handle !== undefined) await recountHandle(change, mend.handle, [mend.block]);
}

/** Whether an endpoint or node, made or changed since it was looked for, has the address after all. */
function isUsedBy(row: KeyValue | undefined, address: string): boolean {
  if (row === undefined) return false;
  const stored = { key: row.key, revision: row.modRevision };
  const isEndpoint = workloadEndpoint.storage.parse(row.key) !== undefined;
  const endpoints = isEndpoint ? [{ ...stored, value: decodeStored(workloadEndpoint, row) }] : [];
  const nodes = isEndpoint ? [] : [{ ...stored, value: decodeStored(node, row) }];
  return addressUses(endpoints, nodes).has(address);
}

async function allocate(change: Change, mend: Of<"allocate">): Promise<void> {
  const endpoint = await change.row(mend.endpoint);
  const block = await change.block(mend.block);
  if (block === undefined || endpoint?.modRevision !== mend.endpointRevision) return;
  const ordinal = ordinalOf(block, parseAddress(mend.address));
  const owner = { handleId: mend.handle, attributes: mend.attributes };
  // Who has an address that rests after its release may have it back.
  const isFree = isCooling(block, ordinal);
  const from = isFree ? { ...block, allocations: block.allocations.with(ordinal, null) } : block;
  const next = assignOrdinal(from, owner, ordinal);
  if (next === undefined) return;
  change.setBlock(mend.block, compactAttributes(next));
  await recountHandle(change, mend.handle, [mend.block]);
}

/**
 * Makes a handle count what the blocks it names, and `others`, say. A block that it counted too much of is written too:
 * a writer that stands between its handle and its block, as one without transactions may, is then refused and begins again.
 */
async function recountHandle(change: Change, id: string, others: readonly string[]): Promise<void> {
  const handle = await change.handle(id);
  const counts = new Map<string, number>();
  let isSame = true;
  for (const key of new Set([...(handle?.blocks.keys() ?? [])].map(blockKeyOfCidr).concat(others))) {
    const block = await change.block(key);
    if (block === undefined) {
      isSame = false;
      continue;
    }
    const cidr = block.prefix.toString();
    const count = ordinalsOf(block, id).length;
    const counted = handle?.blocks.get(cidr) ?? 0;
    if (count > 0) counts.set(cidr, count);
    if (count !== counted) isSame = false;
    if (count < counted) change.setBlock(key, block);
  }
  if (isSame && handle !== undefined && counts.size > 0) return;
  if (handle === undefined && counts.size === 0) return;
  change.setHandle(id, counts.size === 0 ? undefined : { ...(handle ?? newHandle(counts)), blocks: counts });
}

async function remove(change: Change, key: string): Promise<void> {
  if ((await change.row(key)) !== undefined) change.write(key, undefined);
}
