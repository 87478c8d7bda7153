import type { Direction } from "@ocicat/policy";
import { fieldsOf, list, texts, unexpected } from "./answers.ts";

/** How much each rule of an endpoint's policies and profiles has met, as an agent reports it at /policy/show. */
export interface RuleCounts {
  /** By `NetworkPolicy default/db ingress spec.ingress[0]`, or with `Profile NAME` in front. */
  readonly packets: ReadonlyMap<string, number>;
}

export function countsKey(of: string, direction: Direction, field: string): string {
  return `${of} ${direction} ${field}`;
}

const WHERE = "/policy/show";
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

export function readRuleCounts(body: unknown): RuleCounts {
  const field = fieldsOf(body, WHERE);
  const ofPolicies = list(field("stages"), WHERE).flatMap((stage) => {
    const direction = directionOf(texts(stage, WHERE)("direction"));
    const tiers = list(fieldsOf(stage, WHERE)("tiers"), WHERE);
    const policies = tiers.flatMap((tier) => list(fieldsOf(tier, WHERE)("policies"), WHERE));
    return policies.flatMap((policy) =>
      countsOf(texts(policy, WHERE)("id"), direction, fieldsOf(policy, WHERE)("rules")),
    );
  });
  const ofProfiles = list(field("profiles"), WHERE).flatMap((profile) =>
    DIRECTIONS.flatMap((direction) =>
      countsOf(`Profile ${texts(profile, WHERE)("name")}`, direction, fieldsOf(profile, WHERE)(direction) ?? []),
    ),
  );
  return { packets: new Map([...ofPolicies, ...ofProfiles]) };
}

function countsOf(of: string, direction: Direction, rules: unknown): readonly (readonly [string, number])[] {
  return list(rules, WHERE).map((rule) => {
    const packets = fieldsOf(rule, WHERE)("packets");
    if (typeof packets !== "number") throw unexpected(WHERE, '"packets" as a number');
    return [countsKey(of, direction, texts(rule, WHERE)("field")), packets];
  });
}

function directionOf(text: string): Direction {
  const found = DIRECTIONS.find((direction) => direction === text);
  if (found === undefined) throw unexpected(WHERE, DIRECTIONS.join(" or "));
  return found;
}
