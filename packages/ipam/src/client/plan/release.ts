import { type AllocationBlock, handleKey } from "@ocicat/api/ipam";
import { type Address, familyOf, formatAddress, Prefix } from "@ocicat/net";
import {
  addressOf,
  attributeOf,
  isAllocated,
  isCooling,
  isEmpty,
  ordinalOf,
  ordinalsOf,
  type ReleaseTarget,
  release,
  rfc3339,
} from "../../block/index.ts";
import { IpamError } from "../../errors.ts";
import type { IpamSettings } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Extra, ReleaseAddress, ReleaseResult } from "../types.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { blockKeyOfCidr, blocksOf, missingBlocks, recount } from "./handle.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";
import { warmBlock } from "./take.ts";

/** All that a handle holds. What is gone already is no error. */
export class ReleaseHandleJob implements Job<ReleaseResult> {
  readonly #handleId: string;
  readonly #extra: Extra | undefined;
  readonly #before = new EarlierReleases();

  constructor(handleId: string, extra: Extra | undefined) {
    this.#handleId = handleId;
    this.#extra = extra;
  }

  *missing(rows: Rows): Iterable<Missing> {
    const key = handleKey(this.#handleId);
    if (rows.handle(key) === undefined) yield { kind: "row", key };
    yield* missingBlocks(rows, this.#handleId);
  }

  plan(draft: Draft, context: PlanContext): Plan<ReleaseResult> {
    const key = handleKey(this.#handleId);
    draft.reserve(key);
    draft.verify(key);
    this.#before.begin();
    for (const { key: blockKey, block } of blocksOf(draft, this.#handleId)) {
      const ordinals = ordinalsOf(block, this.#handleId);
      for (const ordinal of ordinals) this.#before.plan(blockKey, block, ordinal);
      draftRelease(
        draft,
        blockKey,
        ordinals.map((ordinal) => ({ ordinal })),
        context,
      );
    }
    recount(draft, this.#handleId, [], "counting");
    return { kind: "ready", result: { released: this.#before.all(), absent: [] }, extra: this.#extra };
  }

  mayHaveWritten(blockKey: string): void {
    this.#before.mayHaveWritten(blockKey);
  }
}

/** Certain addresses: all of them, or none. */
export class ReleaseAddressesJob implements Job<ReleaseResult> {
  readonly #targets: readonly ReleaseAddress[];
  readonly #extra: Extra | undefined;
  readonly #before = new EarlierReleases();
  /** Whose addresses they are, or were in an earlier attempt: counted again, also when nothing is left to be released. */
  readonly #handles: Set<string>;

  constructor(targets: readonly ReleaseAddress[], extra: Extra | undefined) {
    this.#targets = targets;
    this.#extra = extra;
    this.#handles = new Set(targets.flatMap(({ handleId }) => handleId ?? []));
  }

  *missing(rows: Rows, settings: IpamSettings): Iterable<Missing> {
    const handles = new Set(this.#handles);
    for (const { address } of this.#targets) {
      const key = findBlockKey(rows, settings, address);
      if (key === undefined) {
        if (!rows.isListed(familyOf(address))) yield { kind: "blocks", family: familyOf(address) };
        continue;
      }
      const seen = rows.block(key);
      if (seen === undefined) yield { kind: "row", key };
      if (seen?.state !== "present") continue;
      const handleId = attributeOf(seen.value, ordinalOf(seen.value, address))?.handleId;
      if (handleId !== undefined) handles.add(handleId);
    }
    for (const handleId of handles) {
      const key = handleKey(handleId);
      if (rows.handle(key) === undefined) yield { kind: "row", key };
      yield* missingBlocks(rows, handleId);
    }
  }

  plan(draft: Draft, context: PlanContext): Plan<ReleaseResult> {
    const absent: Address[] = [];
    this.#before.begin();
    for (const [key, targets] of this.#byBlock(draft, context.settings, absent)) {
      for (const handleId of draftRelease(draft, key, targets, context)) this.#handles.add(handleId);
    }
    for (const handleId of this.#handles) {
      draft.reserve(handleKey(handleId));
      recount(draft, handleId, [], "counting");
    }
    return { kind: "ready", result: { released: this.#before.all(), absent }, extra: this.#extra };
  }

  mayHaveWritten(blockKey: string): void {
    this.#before.mayHaveWritten(blockKey);
  }

  /** The targets by their block's key, without what is free already and what an earlier attempt released. */
  #byBlock(draft: Draft, settings: IpamSettings, absent: Address[]): ReadonlyMap<string, ReleaseTarget[]> {
    const byBlock = new Map<string, ReleaseTarget[]>();
    for (const { address, handleId, sequence } of this.#targets) {
      const key = findBlockKey(draft.rows, settings, address);
      const block = key === undefined ? undefined : draft.block(key);
      const ordinal = block === undefined ? -1 : ordinalOf(block, address);
      if (this.#before.has(address, block, ordinal)) continue;
      if (key === undefined || block === undefined || !isAllocated(block, ordinal) || isCooling(block, ordinal)) {
        absent.push(address);
        continue;
      }
      this.#before.plan(key, block, ordinal);
      byBlock.set(key, [...(byBlock.get(key) ?? []), { ordinal, handleId, sequence }]);
    }
    return byBlock;
  }
}

interface Release {
  readonly address: Address;
  readonly sequence: bigint;
}

/**
 * What earlier attempts of one request released, for certain or perhaps: it counts as released, and a later allocation
 * of the same address is not this request's to take.
 */
class EarlierReleases {
  readonly #done = new Map<string, Release>();
  readonly #planned = new Map<string, Release[]>();

  begin(): void {
    this.#planned.clear();
  }

  plan(blockKey: string, block: AllocationBlock, ordinal: number): void {
    const release = { address: addressOf(block, ordinal), sequence: sequenceOf(block, ordinal) };
    this.#planned.set(blockKey, [...(this.#planned.get(blockKey) ?? []), release]);
  }

  mayHaveWritten(blockKey: string): void {
    for (const release of this.#planned.get(blockKey) ?? []) this.#done.set(formatAddress(release.address), release);
  }

  /** True if the address was released, and is not (or not yet again) in the same allocation. */
  has(address: Address, block: AllocationBlock | undefined, ordinal: number): boolean {
    const done = this.#done.get(formatAddress(address));
    if (done === undefined || block === undefined) return done !== undefined;
    const isHeld = isAllocated(block, ordinal) && !isCooling(block, ordinal);
    return !isHeld || sequenceOf(block, ordinal) !== done.sequence;
  }

  all(): readonly Address[] {
    const planned = [...this.#planned.values()].flat();
    return [
      ...new Map([...this.#done.values(), ...planned].map(({ address }) => [formatAddress(address), address])).values(),
    ];
  }
}

function sequenceOf(block: AllocationBlock, ordinal: number): bigint {
  return block.sequenceNumberForAllocation.get(ordinal) ?? 0n;
}

/** What one assignment allocated and nothing else of its handle, where it failed after some of its writes. */
export class UndoJob implements Job<void> {
  readonly #handleId: string;
  readonly #acquired: Acquisitions;

  constructor(handleId: string, acquired: Acquisitions) {
    this.#handleId = handleId;
    this.#acquired = acquired;
  }

  *missing(rows: Rows): Iterable<Missing> {
    const key = handleKey(this.#handleId);
    if (rows.handle(key) === undefined) yield { kind: "row", key };
    yield* missingBlocks(rows, this.#handleId);
  }

  plan(draft: Draft, context: PlanContext): Plan<void> {
    draft.reserve(handleKey(this.#handleId));
    for (const { key, block } of blocksOf(draft, this.#handleId)) {
      const targets = ordinalsOf(block, this.#handleId)
        .map((ordinal) => ({ ordinal, sequence: block.sequenceNumberForAllocation.get(ordinal) ?? 0n }))
        .filter(({ ordinal, sequence }) => this.#acquired.has(addressOf(block, ordinal), sequence));
      draftRelease(draft, key, targets, context);
    }
    recount(draft, this.#handleId, [], "counting");
    return { kind: "ready", result: undefined, extra: undefined };
  }
}

/** Drafts the release of ordinals of one block, and the end of the block if that leaves it empty and nobody's. Returns the holders. */
export function draftRelease(
  draft: Draft,
  key: string,
  targets: readonly ReleaseTarget[],
  context: PlanContext,
): readonly string[] {
  const block = warmBlock(draft, key, context);
  if (block === undefined) return [];
  const cools = context.settings.config.ipCooldownSeconds > 0;
  const outcome = release(block, targets, cools ? rfc3339(context.now) : undefined);
  if (outcome.kind !== "released") throw refusal(block, outcome);
  if (outcome.released.length > 0) {
    draft.setBlock(key, outcome.block.affinity === null && isEmpty(outcome.block) ? undefined : outcome.block);
  }
  return outcome.released.flatMap(({ handleId }) => (handleId === undefined ? [] : [handleId]));
}

type Refusal = Exclude<ReturnType<typeof release>, { kind: "released" }>;

function refusal(block: AllocationBlock, outcome: Refusal): IpamError {
  const address = formatAddress(addressOf(block, outcome.ordinal));
  switch (outcome.kind) {
    case "wrong-handle":
      return new IpamError({
        code: "IPAM_BAD_HANDLE",
        what: `${address} is held by ${outcome.found ?? "somebody without a handle"}, not by ${outcome.expected}`,
        fix: "look at the address again: it has been given to another since",
      });
    case "wrong-sequence":
      return new IpamError({
        code: "IPAM_BAD_SEQUENCE",
        what: `${address} was allocated at ${outcome.found}, not at ${outcome.expected}`,
        fix: "look at the address again: it has been given anew since",
      });
  }
}

/** The key of the block that holds an address, from what is known; undefined: only a list of all blocks can tell. */
function findBlockKey(rows: Rows, settings: IpamSettings, address: Address): string | undefined {
  const family = familyOf(address);
  const own = rows.affine(family).find((key) => {
    const seen = rows.block(key);
    return seen?.state === "present" && seen.value.prefix.has(address);
  });
  if (own !== undefined) return own;
  const pool = settings.pools.find(({ prefix }) => prefix.has(address));
  if (pool !== undefined) return blockKeyOfCidr(Prefix.of(address, pool.blockSize).toString());
  return rows.blockAround(address);
}
