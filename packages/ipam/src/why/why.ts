import {
  type AllocationBlock,
  affinityKey,
  blockOwner,
  decodeAffinity,
  handleKey,
  parseIpamKey,
} from "@ocicat/api/ipam";
import { isOcicatError } from "@ocicat/kit";
import { type Address, formatAddress, type Prefix, parsePrefix } from "@ocicat/net";
import {
  addressOf,
  attributeOf,
  isAllocated,
  isCooling,
  ordinalOf,
  ordinalsOf,
  rfc3339,
  sequenceOf,
} from "../block/index.ts";
import type { Census, Stored } from "../census/index.ts";
import { diagnose, type FindingCode } from "../doctor/index.ts";
import { giversOf, poolsAround } from "./pools.ts";
import type { AddressStory, StoryBlock, StoryContradiction, StoryHolder } from "./story.ts";

export interface WhyOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Younger allocations that nobody uses are not called leaked, in milliseconds. */
  readonly graceMs: number;
}

/** Tells the story of an address from what was stored at one moment. Pure. */
export function explainAddress(census: Census, address: Address, options: WhyOptions): AddressStory {
  const text = formatAddress(address);
  const stored = census.blocks.find(({ value }) => value.prefix.has(address));
  const ordinal = stored === undefined ? 0 : ordinalOf(stored.value, address);
  const state = stateOf(census, stored?.value, ordinal, address);
  const holder = stored !== undefined && state === "held" ? holderOf(census, stored.value, ordinal) : undefined;
  const node = holder?.attributes.node ?? hostOf(stored?.value);
  const isFree = state === "free" || state === "unclaimed" || state === "resting";
  return {
    address: text,
    state,
    pools: poolsAround(census, address, node),
    reservedBy: census.reservations.filter(({ network }) => network.has(address)).map(({ name }) => name),
    block: stored && storyBlock(census, stored),
    holder,
    rest: state === "resting" && stored !== undefined ? restOf(census, stored.value, ordinal) : undefined,
    givers: isFree ? giversOf(census, address, stored?.value) : undefined,
    uses: (census.uses.get(text) ?? []).map(({ by, as, node, since }) => ({ by, as, node, since })),
    contradictions: contradictions(census, address, stored, holder, options),
  };
}

function stateOf(
  census: Census,
  block: AllocationBlock | undefined,
  ordinal: number,
  address: Address,
): AddressStory["state"] {
  if (block !== undefined) {
    if (!isAllocated(block, ordinal)) return "free";
    return isCooling(block, ordinal) ? "resting" : "held";
  }
  if (unreadableAround(census, address)) return "unknown";
  return census.pools.some(({ spec }) => parsePrefix(spec.cidr).has(address)) ? "unclaimed" : "outside";
}

function unreadableAround({ unreadable }: Census, address: Address): boolean {
  return unreadable.some(({ key }) => {
    const parsed = parseIpamKey(key);
    return parsed?.kind === "block" && parsed.prefix.has(address);
  });
}

function storyBlock(census: Census, { key, revision, value: block }: Stored<AllocationBlock>): StoryBlock {
  return {
    cidr: block.prefix.toString(),
    key,
    owner: block.affinity,
    affinity: affinityState(census, block),
    claimedAt: block.affinityClaimTime,
    total: block.allocations.length,
    inUse: block.allocations.filter((index) => index !== null).length,
    sequence: block.sequenceNumber,
    revision,
  };
}

function affinityState({ rows }: Census, block: AllocationBlock): string | undefined {
  const key = affinityKeyOf(block);
  if (key === undefined) return undefined;
  const row = rows.find((candidate) => candidate.key === key);
  if (row === undefined) return "missing";
  try {
    return decodeAffinity(key, row.value).state;
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    return "unreadable";
  }
}

function affinityKeyOf(block: AllocationBlock | undefined): string | undefined {
  const owner = block === undefined ? undefined : blockOwner(block);
  return owner === undefined || block === undefined ? undefined : affinityKey(owner, block.prefix);
}

function hostOf(block: AllocationBlock | undefined): string | undefined {
  const owner = block === undefined ? undefined : blockOwner(block);
  return owner?.type === "host" ? owner.name : undefined;
}

function holderOf({ blocks }: Census, block: AllocationBlock, ordinal: number): StoryHolder {
  const { handleId, secondary = {}, alternate = {} } = attributeOf(block, ordinal) ?? {};
  const all = handleId === undefined ? [] : blocks.flatMap(({ value }) => addressesOf(value, handleId));
  const own = formatAddress(addressOf(block, ordinal));
  const host = hostOf(block);
  return {
    handle: handleId,
    otherAddresses: all.filter((address) => address !== own),
    attributes: secondary,
    alternate,
    since: secondary.timestamp,
    sequence: sequenceOf(block, ordinal),
    borrowedFrom: secondary.node === undefined || secondary.node === host ? undefined : (host ?? "nobody"),
  };
}

function addressesOf(block: AllocationBlock, handleId: string): readonly string[] {
  return ordinalsOf(block, handleId).map((ordinal) => formatAddress(addressOf(block, ordinal)));
}

function restOf({ config }: Census, block: AllocationBlock, ordinal: number): AddressStory["rest"] {
  const since = attributeOf(block, ordinal)?.releasedAt ?? "";
  const released = Date.parse(since);
  const until = Number.isNaN(released) ? since : rfc3339(released + config.ipCooldownSeconds * 1000);
  return { since, until };
}

/** What concerns every address of the block it is about. */
const OF_THE_BLOCK: ReadonlySet<FindingCode> = new Set<FindingCode>([
  "IPAM_ROW_UNREADABLE",
  "IPAM_BLOCK_SHAPE",
  "IPAM_BLOCKS_OVERLAP",
  "IPAM_BLOCK_WITHOUT_POOL",
  "IPAM_BLOCK_OF_DEAD_NODE",
  "IPAM_AFFINITY_MISSING",
]);

function contradictions(
  census: Census,
  address: Address,
  stored: Stored<AllocationBlock> | undefined,
  holder: StoryHolder | undefined,
  options: WhyOptions,
): readonly StoryContradiction[] {
  const text = formatAddress(address);
  const own = new Set([affinityKeyOf(stored?.value), holder?.handle && handleKey(holder.handle)]);
  const isAround = (key: string) => {
    const parsed = parseIpamKey(key);
    const prefix: Prefix | undefined =
      parsed?.kind === "block" || parsed?.kind === "affinity" ? parsed.prefix : undefined;
    return prefix?.has(address) === true;
  };
  return diagnose(census, options)
    .filter(({ code, where, what }) => {
      if (own.has(where) || what.split(/[\s,]+/).includes(text)) return true;
      return isAround(where) && (OF_THE_BLOCK.has(code) || code.startsWith("IPAM_AFFINITY"));
    })
    .map(({ code, what, cause, advice, mend }) => ({ code, what, cause, advice, isMendable: mend !== undefined }));
}
