import type { Address } from "@ocicat/net";
import {
  type EndpointNeeds,
  type NeedsChange,
  type Policy,
  type PolicyId,
  type Profile,
  type Rule,
  type SetId,
  type SetSpec,
  setsOfEnd,
  setsOfRules,
} from "@ocicat/policy";

/** What is enforced on this node, kept up to date by the index's changes: for those who ask, and to tell what a change may take away. */
export class LocalNeeds {
  readonly endpoints = new Map<string, EndpointNeeds>();
  readonly policies = new Map<PolicyId, Policy>();
  readonly profiles = new Map<string, Profile | "missing">();
  readonly sets = new Map<SetId, { readonly spec: SetSpec; readonly members: number }>();

  apply(change: NeedsChange): void {
    keep(this.policies, change.policies);
    keep(this.profiles, change.profiles);
    keep(this.endpoints, change.endpoints);
    for (const [id, each] of change.sets) {
      const before = this.sets.get(id)?.members ?? 0;
      if (each.kind === "gone") this.sets.delete(id);
      else if (each.kind === "made") this.sets.set(id, { spec: each.spec, members: each.members.length });
      else this.sets.set(id, { spec: each.spec, members: before + each.added.length - each.removed.length });
    }
  }

  /** Endpoints whose packets meet one of these policies or profiles. */
  *endpointsWith(policies: ReadonlySet<PolicyId>, profiles: ReadonlySet<string>): Iterable<string> {
    for (const [key, needs] of this.endpoints) {
      if (needs.profiles.some((name) => profiles.has(name)) || meets(needs, policies)) yield key;
    }
  }

  /** Addresses of this node's workloads. */
  *addresses(): Iterable<Address> {
    for (const { endpoint } of this.endpoints.values()) if (endpoint.kind === "workload") yield* endpoint.addresses;
  }

  /** Whether any of this node's interfaces has an endpoint. */
  get hasHosts(): boolean {
    return this.endpoints.values().some(({ endpoint }) => endpoint.kind === "host");
  }

  /** Whether a member more of the set may be denied what it had: a rule other than an allowing one, or a negation, looks into it. */
  closesByGrowing(set: SetId): boolean {
    const all: readonly (RulesOf | "missing")[] = [...this.policies.values(), ...this.profiles.values()];
    return all.some((rules) => rules !== "missing" && closingSets(rules).has(set));
  }
}

type RulesOf = Pick<Policy, "ingress" | "egress">;

function meets({ stages }: EndpointNeeds, wanted: ReadonlySet<PolicyId>): boolean {
  if (wanted.size === 0) return false;
  return [...stages.values()].some(({ ingress, egress }) =>
    [...ingress, ...egress].some(({ policies }) => policies.some((id) => wanted.has(id))),
  );
}

const known = new WeakMap<RulesOf, ReadonlySet<SetId>>();

/** Worked out once for each policy: telling a set by its content takes a hash. */
function closingSets(rules: RulesOf): ReadonlySet<SetId> {
  const found = known.get(rules) ?? new Set([...rules.ingress, ...rules.egress].flatMap(closingSetsOf));
  known.set(rules, found);
  return found;
}

function closingSetsOf(rule: Rule): readonly SetId[] {
  if (rule.action !== "allow") return [...setsOfRules([rule]).keys()];
  return (["source", "destination"] as const).flatMap((side) => {
    const { notSelector, notPorts } = setsOfEnd(rule, side);
    return [...(notSelector === undefined ? [] : [notSelector.id]), ...notPorts.map(({ id }) => id)];
  });
}

function keep<Key, Value>(map: Map<Key, Value>, change: ReadonlyMap<Key, Value | undefined>): void {
  for (const [key, value] of change) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
}
