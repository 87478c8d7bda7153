import { handleKey } from "@ocicat/api/ipam";
import { ordinalsOf } from "../../block/index.ts";
import type { Draft } from "../draft.ts";
import type { Rows } from "../rows.ts";
import type { Extra, ReleaseResult } from "../types.ts";
import { draftRelease } from "./draft-release.ts";
import { EarlierReleases } from "./earlier-releases.ts";
import { blocksOf, missingBlocks, recount } from "./handle.ts";
import type { Job, Missing, Plan, PlanContext } from "./job.ts";

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
