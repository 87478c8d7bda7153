import { type AffinityOwner, type AllocationBlock, handleKey } from "@ocicat/api/ipam";
import type { Address } from "@ocicat/net";
import { addressOf, attributeOf, ordinalsOf, sequenceOf } from "../block/index.ts";
import type { Draft } from "../client/draft.ts";
import { draftRelease } from "../client/plan/draft-release.ts";
import { blocksOf, missingBlocks, recount } from "../client/plan/handle.ts";
import type { Job, Missing, Plan, PlanContext } from "../client/plan/job.ts";
import type { Rows } from "../client/rows.ts";
import { parseGoTimestamp } from "../client/timestamp.ts";
import { isFor } from "./whose.ts";

export interface MendHandle {
  readonly handleId: string;
  /** Only what was allocated for this one is released. */
  readonly owner: AffinityOwner;
  /** The blocks in which it was seen to hold addresses. */
  readonly blocks: readonly string[];
  /** Asked at the last moment; undefined: nobody knows. */
  readonly isLive: ((handleId: string) => boolean) | undefined;
  /** Allocations made before (milliseconds since 1970) are released if their holder is dead; undefined: none is. */
  readonly reclaimBefore: number | undefined;
}

export interface MendResult {
  readonly isMended: boolean;
  readonly released: readonly Address[];
}

/** Makes one handle count what the blocks say; what a dead holder has there for this node is released first. */
export class MendHandleJob implements Job<MendResult> {
  readonly #mend: MendHandle;

  constructor(mend: MendHandle) {
    this.#mend = mend;
  }

  *missing(rows: Rows): Iterable<Missing> {
    const key = handleKey(this.#mend.handleId);
    if (rows.handle(key) === undefined) yield { kind: "row", key };
    for (const block of this.#mend.blocks) if (rows.block(block) === undefined) yield { kind: "row", key: block };
    yield* missingBlocks(rows, this.#mend.handleId);
  }

  plan(draft: Draft, context: PlanContext): Plan<MendResult> {
    const { handleId, isLive, blocks } = this.#mend;
    const key = handleKey(handleId);
    const before = draft.handle(key);
    const released = isLive?.(handleId) === false ? this.#release(draft, before === undefined, context) : [];
    recount(draft, handleId, blocks, "counting");
    return { kind: "ready", result: { isMended: draft.handle(key) !== before, released }, extra: undefined };
  }

  #release(draft: Draft, isLost: boolean, context: PlanContext): readonly Address[] {
    const { handleId, owner, blocks } = this.#mend;
    const keys = new Set([...blocks, ...blocksOf(draft, handleId).map(({ key }) => key)]);
    return [...keys].flatMap((key) => {
      const block = draft.block(key);
      if (block === undefined) return [];
      const ordinals = ordinalsOf(block, handleId).filter((ordinal) => {
        const attribute = attributeOf(block, ordinal);
        if (attribute === undefined || !isFor(owner, block, attribute)) return false;
        return isLost || this.#isOld(attribute.secondary.timestamp);
      });
      draftRelease(draft, key, targetsOf(block, ordinals), context);
      return ordinals.map((ordinal) => addressOf(block, ordinal));
    });
  }

  #isOld(timestamp: string | undefined): boolean {
    const { reclaimBefore } = this.#mend;
    if (reclaimBefore === undefined) return false;
    return timestamp === undefined || (parseGoTimestamp(timestamp) ?? 0) <= reclaimBefore;
  }
}

function targetsOf(block: AllocationBlock, ordinals: readonly number[]) {
  return ordinals.map((ordinal) => ({ ordinal, sequence: sequenceOf(block, ordinal) }));
}
