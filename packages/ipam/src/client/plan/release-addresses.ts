import { handleKey } from "@ocicat/api/ipam";
import { type Address, familyOf, Prefix } from "@ocicat/net";
import { attributeOf, isAllocated, isCooling, ordinalOf, type ReleaseTarget } from "../../block/index.ts";
import type { IpamSettings } from "../../pool/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Extra, ReleaseAddress, ReleaseResult } from "../types.ts";
import { draftRelease } from "./draft-release.ts";
import { EarlierReleases } from "./earlier-releases.ts";
import { blockKeyOfCidr, missingBlocks, recount } from "./handle.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";

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
