import type { AllocationBlock } from "@ocicat/api/ipam";
import { formatAddress } from "@ocicat/net";
import { addressOf, isEmpty, type ReleaseTarget, release, rfc3339 } from "../../block/index.ts";
import { IpamError } from "../../errors.ts";
import type { Draft } from "../draft.ts";
import type { PlanContext } from "./job.ts";
import { warmBlock } from "./take.ts";

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
