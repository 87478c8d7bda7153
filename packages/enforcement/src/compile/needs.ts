import { origin } from "@ocicat/kit";
import { type Chain, type NamedSet, type SetElement, type Table, table } from "@ocicat/nftables";
import type { EndpointNeeds, NeedsChange, Policy, PolicyId, Profile, SetId, SetMember, SetSpec } from "@ocicat/policy";
import type { DispatchName } from "./dispatch.ts";
import { dispatchElement, hostDispatches, workloadGroups } from "./endpoints.ts";
import { baseChains } from "./entrances/base-chains.ts";
import type { HostDispatches } from "./entrances/rules.ts";
import { type Asked, type Group, groupChain, groupOf, type RuleChains } from "./group.ts";
import { ALL_OTHERS, type NodeInterfaces, occupy } from "./interfaces.ts";
import { DIRECTIONS, policyKey, profileKey } from "./keys.ts";
import { POLICY_TABLE, type Variant } from "./names.ts";
import type { CompileOptions } from "./options.ts";
import { policyChain, profileChain, type RuleChain } from "./rule-chain.ts";
import { dispatchMap, staticSets } from "./static-sets.ts";
import { variantSets, variantsFrom } from "./variants.ts";

/** Everything that is to be enforced on a node. */
export interface Needs {
  readonly sets: ReadonlyMap<SetId, { readonly spec: SetSpec; readonly members: readonly SetMember[] }>;
  readonly policies: ReadonlyMap<PolicyId, Policy>;
  readonly profiles: ReadonlyMap<string, Profile | "missing">;
  readonly endpoints: ReadonlyMap<string, EndpointNeeds>;
}

/** What a first change tells, which is everything. */
export function needsFrom(change: NeedsChange): Needs {
  const present = <K, V>(map: ReadonlyMap<K, V | undefined>) =>
    new Map([...map].flatMap(([key, value]): [K, V][] => (value === undefined ? [] : [[key, value]])));
  return {
    sets: new Map(
      [...change.sets].flatMap(([id, one]): [SetId, { spec: SetSpec; members: readonly SetMember[] }][] =>
        one.kind === "made" ? [[id, { spec: one.spec, members: one.members }]] : [],
      ),
    ),
    policies: present(change.policies),
    profiles: present(change.profiles),
    endpoints: present(change.endpoints),
  };
}

/** The tables that enforce it, from scratch. */
export function compileNeeds(
  needs: Needs,
  options: CompileOptions,
  interfaces: NodeInterfaces = new Map(),
): readonly Table[] {
  const sets = new Map([...needs.sets].map(([id, { spec, members }]) => [id, variantSets(spec, members)]));
  const variants = variantsFrom(
    new Map([...sets].map(([id, of]): [SetId, ReadonlySet<Variant>] => [id, new Set(of.keys())])),
  );
  const chains = new Map<string, RuleChain>();
  for (const policy of needs.policies.values()) {
    for (const direction of policy.directions) {
      if (policy.staged === undefined) {
        chains.set(policyKey(policy.id, direction), policyChain(policy, direction, variants, options));
      }
    }
  }
  for (const profile of needs.profiles.values()) {
    if (profile === "missing") continue;
    for (const direction of DIRECTIONS) {
      chains.set(profileKey(profile.name, direction), profileChain(profile, direction, variants, options));
    }
  }
  const called = ruleChains(needs.policies, chains);
  const { groups, maps, hosts } = dispatched(needs.endpoints, interfaces);
  const constants = new Map([...chains.values()].flatMap((one) => one.constants.map((set) => [set.name, set])));
  return [
    table({
      ...POLICY_TABLE,
      origin: origin("what policies allow"),
      sets: [...staticSets(), ...maps, ...constants.values(), ...[...sets.values()].flatMap((of) => [...of.values()])],
      chains: [
        ...baseChains(hosts, options),
        ...[...groups.values()].map((group) => groupChain(group, called, options)),
        ...[...chains.values()].flatMap(({ chain }): Chain[] => (chain === undefined ? [] : [chain])),
      ],
    }),
  ];
}

/** What groups have to know of the chains of rules that there are. */
export function ruleChains(
  policies: ReadonlyMap<PolicyId, Policy>,
  chains: ReadonlyMap<string, RuleChain>,
): RuleChains {
  return {
    policy: (id, direction) => {
      const policy = policies.get(id);
      if (policy === undefined) return { how: "missing", resource: { kind: "policy", name: id } };
      return { ...askedOf(policy, chains.get(policyKey(id, direction))), resource: policy.resource };
    },
    profile: (name, direction) => chains.get(profileKey(name, direction))?.chain?.name,
  };
}

function askedOf({ staged }: Policy, compiled: RuleChain | undefined): Asked {
  if (staged !== undefined) return { how: "staged" };
  if (compiled?.chain === undefined) return { how: "silent" };
  return { how: "called", chain: compiled.chain.name, passes: compiled.passes };
}

/** The verdict maps with all interfaces, and the groups that they lead to. */
function dispatched(endpoints: Needs["endpoints"], interfaces: NodeInterfaces) {
  const occupied = occupy(endpoints, interfaces);
  const groups = new Map<string, Group>();
  const elements = new Map<DispatchName, SetElement[]>([
    ["from", []],
    ["to", []],
  ]);
  const keep = (group: Group): Group => {
    groups.set(group.name, group);
    return group;
  };
  for (const [name, needs] of occupied.workloads) {
    for (const group of workloadGroups(needs)) {
      elements.get(group.dispatch)?.push(dispatchElement(name, needs.endpoint, keep(group)));
    }
  }
  const hosts = new Map<DispatchName, string | undefined>();
  for (const dispatch of hostDispatches(occupied.hosts.values())) {
    const own: SetElement[] = [];
    elements.set(dispatch, own);
    hosts.set(dispatch, undefined);
    for (const [name, needs] of occupied.hosts) {
      const group = keep(groupOf(dispatch, needs));
      if (name === ALL_OTHERS) hosts.set(dispatch, group.name);
      else own.push(dispatchElement(name, needs.endpoint, group));
    }
  }
  const maps = [...elements].map(
    ([dispatch, of]): NamedSet => ({ ...dispatchMap(dispatch), elements: Object.freeze(of) }),
  );
  return { groups, maps, hosts: hosts satisfies HostDispatches };
}
