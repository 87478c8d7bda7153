import type { Endpoint } from "./endpoint.ts";
import type { Direction, Policy, Stage } from "./policy.ts";

/** Where a policy that selects the endpoint stands in its packets' way, and for which directions; empty: it has no effect there. */
export function stagesOf(policy: Policy, kind: Endpoint["kind"]): ReadonlyMap<Stage, readonly Direction[]> {
  const stages = new Map<Stage, readonly Direction[]>();
  for (const stage of placesOf(policy, kind)) {
    const directions = directionsAt(policy, stage);
    if (directions.length > 0) stages.set(stage, directions);
  }
  return stages;
}

/** Whether it stands in the way of packets of the endpoints that it selects. */
export function hasEffect(policy: Policy, kind: Endpoint["kind"]): boolean {
  return placesOf(policy, kind).some((stage) => directionsAt(policy, stage).length > 0);
}

const PLACES = {
  none: [],
  normal: ["normal"],
  forwardToo: ["normal", "forward"],
  untracked: ["untracked"],
  preDnat: ["preDnat"],
} as const satisfies Readonly<Record<string, readonly Stage[]>>;

function placesOf({ untracked, preDnat, applyOnForward }: Policy, kind: Endpoint["kind"]): readonly Stage[] {
  if (kind === "workload") return untracked || preDnat ? PLACES.none : PLACES.normal;
  if (untracked) return PLACES.untracked;
  if (preDnat) return PLACES.preDnat;
  return applyOnForward ? PLACES.forwardToo : PLACES.normal;
}

/** Before destinations are translated there is nothing to leave by. */
function directionsAt({ directions }: Policy, stage: Stage): readonly Direction[] {
  return stage === "preDnat" ? directions.filter((direction) => direction === "ingress") : directions;
}
