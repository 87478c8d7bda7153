import type { Column, Rule, RuleContext } from "../../define-kind.ts";
import type { Problem } from "../../problem.ts";
import type { Resource } from "../../resource.ts";
import { accept, choice, computed, defaulted, type Given, list, optional, refuse, scalar } from "../../schema/index.ts";
import { selector } from "../../selector/index.ts";
import { misplacedGlobal } from "./check.ts";
import { mentionsGlobal } from "./global-selector.ts";
import { policyRule } from "./rule.ts";
import { DEFAULT_TIER, TIER_LABEL, tierName } from "./tier-names.ts";

/** Where a policy or a tier comes among others: lower first. */
export const order = scalar<number>(
  "a number",
  (value) => (typeof value === "number" && Number.isFinite(value) ? accept(value) : refuse("type")),
  { type: "number" },
);

const types = list(choice("Ingress", "Egress"), { unique: true });

/** Those that there are rules for, and ingress where there are none. A policy that takes another away has none. */
function typesOf({ stagedAction, ingress, egress }: Given): readonly ("Ingress" | "Egress")[] {
  if (stagedAction === "Delete") return [];
  const has = (rules: unknown) => Array.isArray(rules) && rules.length > 0;
  if (!has(egress)) return ["Ingress"];
  return has(ingress) ? ["Ingress", "Egress"] : ["Egress"];
}

/** The fields that every policy of a tier has first, in their order. */
export const tieredFields = {
  tier: defaulted(tierName(), DEFAULT_TIER),
  order: optional(order),
  ingress: optional(list(policyRule), []),
  egress: optional(list(policyRule), []),
  selector: optional(selector(), ""),
  types: computed(types, typesOf, []),
};

export const tieredDescriptions = {
  tier: "The tier that the policy belongs to; it has to exist.",
  order: "Among the policies of the tier, the lower comes first; one without an order comes last.",
  ingress: "Rules for what comes in, the first that matches counts.",
  egress: "Rules for what goes out, the first that matches counts.",
  selector: "Which endpoints the policy applies to; all unless told.",
  types:
    "Ingress, Egress or both: in which direction an endpoint is closed but for what rules allow. Unless told, those that " +
    "there are rules for, and Ingress where there are none.",
};

/** What a policy has after them, namespaced or not. */
export const serviceAccountSelector = optional(selector(), "");
export const performanceHints = optional(list(choice("AssumeNeededOnEveryNode"), { unique: true }), []);

export const SERVICE_ACCOUNT_SELECTOR = "Only pods whose service account has these labels.";
export const PERFORMANCE_HINTS =
  "AssumeNeededOnEveryNode: nodes get ready for the policy before an endpoint needs it. Hints change no decision.";

/** What all policies of tiers have in common. */
export type TieredPolicy = Resource<{
  readonly tier: string;
  readonly order?: number;
  readonly selector?: string;
  readonly serviceAccountSelector?: string;
  readonly namespaceSelector?: string;
}>;

/** Selectors find policies by tier; what one says of itself there does not count. */
export function withTierLabel<P extends TieredPolicy>(policy: P): P {
  const { metadata, spec } = policy;
  return { ...policy, metadata: { ...metadata, labels: { ...metadata.labels, [TIER_LABEL]: spec.tier } } };
}

export const TIERED_RULES: Readonly<Record<string, Rule<TieredPolicy>>> = {
  "The tier exists.": checkTier,
  "global() is not for choosing endpoints.": checkSelectors,
};

function* checkTier({ spec }: TieredPolicy, { previous, related }: RuleContext<TieredPolicy>): Iterable<Problem> {
  const tiers = related?.get("Tier")?.map(({ metadata }) => metadata.name);
  if (tiers === undefined || tiers.includes(spec.tier) || spec.tier === previous?.spec.tier) return;
  const message = `is not a tier that there is; create it first, or use one of ${tiers.join(", ")}`;
  yield { field: "spec.tier", value: spec.tier, rule: "tier", message };
}

function* checkSelectors({ spec }: TieredPolicy): Iterable<Problem> {
  for (const name of ["selector", "serviceAccountSelector", "namespaceSelector"] as const) {
    const value = spec[name];
    if (value !== undefined && mentionsGlobal(value) !== "no") yield misplacedGlobal(`spec.${name}`, value);
  }
}

export const COLUMNS: readonly Column<TieredPolicy>[] = [
  { heading: "NAME", cell: ({ metadata }) => metadata.name },
  { heading: "TIER", cell: ({ spec }) => spec.tier },
];

export const WIDE: readonly Column<TieredPolicy>[] = [
  ...COLUMNS,
  { heading: "ORDER", cell: ({ spec }) => formatOrder(spec.order) },
  { heading: "SELECTOR", cell: ({ spec }) => spec.selector ?? "" },
];

/** As Go prints a floating-point number, or that there is none: 100, 1e+06, 0.5, `<nil>`. */
export function formatOrder(value: number | undefined): string {
  if (value === undefined) return "<nil>";
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
