import type { Selector } from "@ocicat/api";
import type { Endpoint } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import type { Direction, Policy, Stage } from "../model/policy.ts";
import { stagesOf } from "../model/stages.ts";
import { labelsIn } from "../verdict/labels.ts";

/** Whether a rule that selects so has anybody to select. */
export function isChosen(selector: Selector, model: PolicyModel): boolean {
  return [...model.endpoints, ...model.networkSets].some((item) => selector.matches(labelsIn(item, model)));
}

/** Whether a rule that chooses nodes so has any. */
export function isNodeChosen(selector: Selector, { nodeSets = [] }: PolicyModel): boolean {
  return nodeSets.some(({ labels }) => selector.matches(labels));
}

export function appliedTo(policy: Policy, model: PolicyModel): readonly Endpoint[] {
  return model.endpoints.filter((endpoint) => policy.selector.matches(labelsIn(endpoint, model)));
}

/** Whether a policy in force closes an endpoint in a direction, at a stage. */
export function closes(policy: Policy, endpoint: Endpoint, direction: Direction, stage: Stage = "normal"): boolean {
  return policy.staged === undefined && (stagesOf(policy, endpoint.kind).get(stage)?.includes(direction) ?? false);
}
