import type { Selector } from "@ocicat/api";
import { policyId } from "../model/ids.ts";
import type { Direction, Policy } from "../model/policy.ts";
import { brokenRule } from "./rule.ts";

/** Who a policy is. */
export type Identity = Pick<Policy, "id" | "resource" | "namespace">;

export function identityOf(kind: string, namespace: string | undefined, name: string): Identity {
  return {
    id: policyId(kind, namespace, name),
    resource: { kind, name: namespace === undefined ? name : `${namespace}/${name}` },
    namespace,
  };
}

interface Known {
  readonly tier: string;
  readonly selector: Selector;
  readonly directions?: readonly Direction[] | undefined;
}

/**
 * What is left of a policy that cannot be understood: ahead of all others of its tier it denies everything to what it applies
 * to, in both directions unless it is known which.
 */
export function closedPolicy(identity: Identity, known: Known, why: string): Policy {
  const { tier, selector, directions = ["ingress", "egress"] } = known;
  const closed = (direction: Direction) => (directions.includes(direction) ? [brokenRule(undefined, "spec", why)] : []);
  return {
    ...identity,
    tier,
    order: Number.NEGATIVE_INFINITY,
    selector,
    directions,
    ingress: closed("ingress"),
    egress: closed("egress"),
    untracked: false,
    preDnat: false,
    applyOnForward: true,
    staged: undefined,
    neededEverywhere: false,
    unreadable: why,
  };
}
