import type { Rule } from "../../define-kind.ts";
import type { Problem } from "../../problem.ts";
import type { Resource } from "../../resource.ts";
import { choice, defaulted } from "../../schema/index.ts";
import { type TieredPolicy, withTierLabel } from "./tiered.ts";

/** What a staged policy would do, if it were more than staged. */
export const stagedAction = defaulted(choice("Set", "Delete", "Learn", "Ignore"), "Set");

export const STAGED_ACTION =
  "What is staged: Set the policy of this name, Delete it, Learn what it would do, or Ignore this one.";

type Staged = Resource<{ readonly stagedAction: string }>;

/** What is staged to be deleted says which policy, and nothing of what is in it. */
export const STAGED_RULES: Readonly<Record<string, Rule<Staged>>> = {
  "With stagedAction Delete nothing is given but the tier.": checkDelete,
};

const BESIDE_DELETE: ReadonlySet<string> = new Set(["stagedAction", "tier", "types"]);

function* checkDelete({ spec }: Staged): Iterable<Problem> {
  if (spec.stagedAction !== "Delete") return;
  for (const [name, value] of Object.entries(spec)) {
    if (BESIDE_DELETE.has(name) || isEmpty(value)) continue;
    const message = "cannot be given with stagedAction Delete: the policy goes whatever is in it";
    yield { field: `spec.${name}`, value, rule: "staged-delete", message };
  }
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** With the tier's label; what is staged to be deleted has no direction, whatever was given. */
export function completeStaged<
  P extends TieredPolicy & Staged & Resource<{ readonly types: readonly ("Ingress" | "Egress")[] }>,
>(policy: P): P {
  const labelled = withTierLabel(policy);
  if (policy.spec.stagedAction !== "Delete") return labelled;
  return { ...labelled, spec: { ...policy.spec, types: [] } };
}
