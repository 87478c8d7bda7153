import { defineKind, type Hindrance, type RelatedResources } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import { type AnyResource, API_VERSION, type Resource } from "../resource.ts";
import { anything, choice, defaulted, type Infer, isObject, list, object, optional } from "../schema/index.ts";
import { DEFAULT_TIER, tierName } from "./policy/tier-names.ts";
import { formatOrder, order } from "./policy/tiered.ts";

const spec = object(
  { order: defaulted(order, 1_000_000), defaultAction: defaulted(choice("Deny", "Pass"), "Deny") },
  {
    order: "Among the tiers, the lower comes first.",
    defaultAction:
      "What becomes of a packet that a policy of the tier applies to and no rule decides about: Deny, or Pass to the next " +
      "tier.",
  },
);

const status = object(
  { conditions: optional(list(anything())) },
  { conditions: "What Calico's controllers tell of the tier." },
);

export interface TierSpec extends Infer<typeof spec> {}
export interface TierStatus extends Infer<typeof status> {}
/** Policies that are decided by together, before or after those of other tiers. */
export type Tier = Resource<TierSpec, TierStatus, "Tier">;

/** Tiers that every cluster has, with what their names stand for; nobody changes it. */
const BUILT_IN: Readonly<Record<string, TierSpec>> = {
  [DEFAULT_TIER]: { order: 1_000_000, defaultAction: "Deny" },
  "kube-admin": { order: 1_000, defaultAction: "Pass" },
  "kube-baseline": { order: 10_000_000, defaultAction: "Pass" },
};

/** Whose policies a tier holds. */
const POLICIES = ["NetworkPolicy", "GlobalNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy"];

export const tier = defineKind<Tier>({
  kind: "Tier",
  description: "A stage of policy: tiers come one after another, and within one its policies.",
  plural: "tiers",
  aliases: ["tier"],
  namespaced: false,
  name: tierName(),
  spec,
  status,
  storesEmptyStatus: true,
  builtIn: Object.entries(BUILT_IN).map(([name, spec]) => ({
    kind: "Tier",
    apiVersion: API_VERSION,
    metadata: { name },
    spec,
    status: {},
  })),
  keepers: POLICIES,
  keptBy: policiesOf,
  rules: { "The order and defaultAction of default, kube-admin and kube-baseline are fixed.": checkBuiltIn },
  compare: (a, b) => a.spec.order - b.spec.order,
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "ORDER", cell: ({ spec }) => formatOrder(spec.order) },
  ],
  example: { name: "security", spec: { order: 50 } },
});

function* checkBuiltIn({ metadata, spec }: Tier): Iterable<Problem> {
  const fixed = Object.hasOwn(BUILT_IN, metadata.name) ? BUILT_IN[metadata.name] : undefined;
  if (fixed === undefined) return;
  for (const name of ["order", "defaultAction"] as const) {
    if (spec[name] === fixed[name]) continue;
    const message = `is not that of the built-in tier ${metadata.name}, which is ${fixed[name]}`;
    yield { field: `spec.${name}`, value: spec[name], rule: "built-in-tier", message };
  }
}

function policiesOf(name: string, keepers: RelatedResources): Hindrance | undefined {
  const isInside = ({ spec }: AnyResource) => isObject(spec) && spec.tier === name;
  const inside = POLICIES.flatMap((kind) => keepers.get(kind)?.filter(isInside) ?? []);
  const [first, ...more] = inside;
  if (first === undefined) return undefined;
  const { namespace, name: policy } = first.metadata;
  const rest = more.length === 0 ? "" : `, and ${more.length} more`;
  const why = `${first.kind} ${namespace === undefined ? "" : `${namespace}/`}${policy} is in it${rest}`;
  return { why, fix: "delete what is in it first" };
}
