import type { Endpoint } from "../model/endpoint.ts";
import type { EndpointNeeds, StageNeeds, TierNeeds } from "../model/needs.ts";
import { comparePolicies, compareTiers } from "../model/order.ts";
import type { Direction, Policy, PolicyId, Stage, Tier } from "../model/policy.ts";
import { stagesOf } from "../model/stages.ts";

/** The policies that select the endpoint, put into the order in which its packets meet them. */
export function endpointNeeds(
  endpoint: Endpoint,
  policies: readonly Policy[],
  tierOf: (name: string) => Tier,
): EndpointNeeds {
  const stages = new Map<Stage, Record<Direction, TierNeeds[]>>();
  for (const [tier, members] of byTier(policies, tierOf)) {
    for (const policy of members) {
      for (const [stage, directions] of stagesOf(policy, endpoint.kind)) {
        const needs = stages.get(stage) ?? { ingress: [], egress: [] };
        stages.set(stage, needs);
        for (const direction of directions) append(needs[direction], tier, stage, policy.id);
      }
    }
  }
  return { endpoint, stages: stages satisfies ReadonlyMap<Stage, StageNeeds>, profiles: endpoint.profiles };
}

function byTier(policies: readonly Policy[], tierOf: (name: string) => Tier): readonly (readonly [Tier, Policy[]])[] {
  const tiers = new Map<string, Policy[]>();
  for (const policy of policies) {
    const members = tiers.get(policy.tier);
    if (members === undefined) tiers.set(policy.tier, [policy]);
    else members.push(policy);
  }
  return [...tiers]
    .map(([name, members]) => [tierOf(name), members.sort(comparePolicies)] as const)
    .sort(([a], [b]) => compareTiers(a, b));
}

/** What no untracked or preDNAT policy decides is always handed on, to be judged by the normal ones. */
function append(tiers: TierNeeds[], tier: Tier, stage: Stage, policy: PolicyId): void {
  const last = tiers.at(-1);
  if (last?.name === tier.name) {
    (last.policies as PolicyId[]).push(policy);
    return;
  }
  const defaultAction = stage === "untracked" || stage === "preDnat" ? "pass" : tier.defaultAction;
  tiers.push({ name: tier.name, defaultAction, policies: [policy] });
}
