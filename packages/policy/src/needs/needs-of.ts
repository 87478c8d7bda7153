import type { Labels } from "@ocicat/api";
import { formatAddress, Prefix } from "@ocicat/net";
import type { Endpoint, NetworkSet } from "../model/endpoint.ts";
import { endpointKey } from "../model/ids.ts";
import type { PolicyModel } from "../model/model.ts";
import type { EndpointNeeds, NeedsChange, SetChange } from "../model/needs.ts";
import { missingTier } from "../model/order.ts";
import type { PolicyId } from "../model/policy.ts";
import { setsOfRules } from "../model/rule-sets.ts";
import type { SetMember, SetSpec } from "../model/sets.ts";
import { effectiveLabels } from "../read/labels.ts";
import { endpointNeeds } from "./endpoint-needs.ts";
import { isEndpoint, networksOf } from "./items.ts";

/**
 * Everything that a node's endpoints need, from the whole model at once, as the change from nothing. What PolicyIndex says,
 * taken together, is this; where they differ, this is right.
 */
export function needsOf(model: PolicyModel, node: string): NeedsChange {
  const tiers = new Map(model.tiers.map((tier) => [tier.name, tier]));
  const profiles = new Map(model.profiles.map((profile) => [profile.name, profile]));
  const labelled = (value: Endpoint | NetworkSet) => ({
    value,
    labels: effectiveLabels(value, (name) => profiles.get(name)),
  });

  const local = model.endpoints.filter((endpoint) => endpoint.node === node);
  const endpoints = local.map((endpoint) => {
    const selected = model.policies.filter(({ selector }) => selector.matches(labelled(endpoint).labels));
    return endpointNeeds(endpoint, selected, (name) => tiers.get(name) ?? missingTier(name));
  });
  const applied = new Set(endpoints.flatMap(policiesOf));
  const policies = model.policies.filter(({ id, neededEverywhere }) => neededEverywhere || applied.has(id));
  const named = [...new Set(local.flatMap((endpoint) => endpoint.profiles))];
  const known = named.flatMap((name) => profiles.get(name) ?? []);

  const items = [...model.endpoints, ...model.networkSets].map(labelled);
  const sets = setsOfRules([...policies, ...known].flatMap(({ ingress, egress }) => [...ingress, ...egress]));
  const nodes = (model.nodeSets ?? []).map(labelled);
  const made = (spec: SetSpec): SetChange => ({
    kind: "made",
    spec,
    members: unique(membersOf(spec, spec.kind === "nodes" ? nodes : items, model)),
  });
  return {
    sets: new Map([...sets].map(([id, spec]) => [id, made(spec)])),
    policies: new Map(policies.map((policy) => [policy.id, policy])),
    profiles: new Map(named.map((name) => [name, profiles.get(name) ?? "missing"])),
    endpoints: new Map(endpoints.map((needs) => [endpointKey(needs.endpoint), needs])),
  };
}

interface Selectable {
  readonly value: Endpoint | NetworkSet;
  readonly labels: Labels;
}

function policiesOf({ stages }: EndpointNeeds): readonly PolicyId[] {
  return [...stages.values()]
    .flatMap(({ ingress, egress }) => [...ingress, ...egress])
    .flatMap(({ policies }) => policies);
}

function membersOf(spec: SetSpec, items: readonly Selectable[], model: PolicyModel): readonly SetMember[] {
  if (spec.kind === "service") return membersOfService(spec, model);
  const selected = items.filter(({ labels }) => spec.selector?.matches(labels) ?? true).map(({ value }) => value);
  if (spec.kind !== "namedPort") return selected.flatMap(networksOf).map((network) => ({ kind: "network", network }));
  return selected
    .filter(isEndpoint)
    .flatMap(({ addresses, ports }) =>
      ports
        .filter(({ name, protocol }) => name === spec.name && protocol === spec.protocol)
        .flatMap(({ protocol, port }) =>
          addresses.map((address): SetMember => ({ kind: "port", address, protocol, port })),
        ),
    );
}

function membersOfService(
  { service, ports }: Extract<SetSpec, { kind: "service" }>,
  model: PolicyModel,
): readonly SetMember[] {
  return model.services
    .filter(({ namespace, name }) => namespace === service.namespace && name === service.name)
    .flatMap(({ endpoints }) => endpoints)
    .flatMap(({ address, at }): readonly SetMember[] => {
      if (!ports) return [{ kind: "network", network: Prefix.host(address) }];
      return at === undefined ? [] : [{ kind: "port", address, ...at }];
    });
}

function unique(members: readonly SetMember[]): readonly SetMember[] {
  return [...new Map(members.map((member) => [memberText(member), member])).values()];
}

/** The same for members that are the same. */
export function memberText(member: SetMember): string {
  return member.kind === "network"
    ? member.network.toString()
    : `${formatAddress(member.address)} ${member.protocol} ${member.port}`;
}
