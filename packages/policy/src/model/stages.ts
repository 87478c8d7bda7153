import type { Endpoint } from "./endpoint.ts";
import type { Direction, Policy, Stage } from "./policy.ts";

/** Where a policy that selects the endpoint stands in its packets' way, and for which directions; empty: it has no effect there. */
export function stagesOf(policy: Policy, kind: Endpoint["kind"]): ReadonlyMap<Stage, readonly Direction[]> {
  const stages = namesOf(policy, kind).map((stage): [Stage, readonly Direction[]] => [
    stage,
    policy.directions.filter((direction) => stage !== "preDnat" || direction === "ingress"),
  ]);
  return new Map(stages.filter(([, directions]) => directions.length > 0));
}

function namesOf(policy: Policy, kind: Endpoint["kind"]): readonly Stage[] {
  const host = kind === "host";
  if (policy.untracked) return host ? ["untracked"] : [];
  if (policy.preDnat) return host ? ["preDnat"] : [];
  return host && policy.applyOnForward ? ["normal", "forward"] : ["normal"];
}
