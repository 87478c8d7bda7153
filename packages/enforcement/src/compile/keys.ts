import type { Direction, PolicyId } from "@ocicat/policy";

export const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** What chains of rules are kept by. */
export function policyKey(id: PolicyId, direction: Direction): string {
  return `policy ${direction} ${id}`;
}

export function profileKey(name: string, direction: Direction): string {
  return `profile ${direction} ${name}`;
}
