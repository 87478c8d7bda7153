import { handleKey } from "@ocicat/api/ipam";
import { addressOf, ordinalsOf, sequenceOf } from "../../block/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Acquisitions } from "./acquisitions.ts";
import { draftRelease } from "./draft-release.ts";
import { blocksOf, missingBlocks, recount } from "./handle.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";

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
        .map((ordinal) => ({ ordinal, sequence: sequenceOf(block, ordinal) }))
        .filter(({ ordinal, sequence }) => this.#acquired.has(addressOf(block, ordinal), sequence));
      draftRelease(draft, key, targets, context);
    }
    recount(draft, this.#handleId, [], "counting");
    return { kind: "ready", result: undefined, extra: undefined };
  }
}
