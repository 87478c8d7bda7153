import type { HostInterface, PolicyModel, PolicySettings, Service } from "@ocicat/policy";
import { policyService, serviceOf } from "../services/slices.ts";
import type { Tables } from "../tables/tables.ts";
import { BUILT_IN } from "./feed.ts";
import { nodeSetOf } from "./node-sets.ts";
import { type PolicyRows, policyTables } from "./tables.ts";

/** Everything that policy follows from, as this node knows it: for the reference, which looks at all of it. */
export function policyModel({ policy, nodes }: Tables, settings: PolicySettings): PolicyModel {
  const named = <T extends { readonly name: string }>(builtIn: ReadonlyMap<string, T>, rows: Iterable<T>) => [
    ...new Map([...builtIn, ...[...rows].map((row) => [row.name, row] as const)]).values(),
  ];
  return {
    tiers: named(BUILT_IN.tiers, policy.tiers.rows()),
    profiles: named(BUILT_IN.profiles, policy.profiles.rows()),
    policies: policyTables(policy).flatMap((table) => [...table.rows()]),
    endpoints: [...policy.workloads.rows(), ...policy.hosts.rows()],
    networkSets: [...policy.networkSets.rows(), ...policy.globalNetworkSets.rows()],
    services: servicesIn(policy),
    settings,
    nodeSets: [...nodes.rows()].map(nodeSetOf),
    nodes: [...nodes.rows()].map(
      ({ name, ipv4, ipv6 }): HostInterface => ({
        node: name,
        name: "",
        addresses: [ipv4, ipv6].flatMap((own) => (own === undefined ? [] : [own.address])),
      }),
    ),
  };
}

/** All services of which endpoints are known. */
export function servicesIn({ endpointSlices }: Pick<PolicyRows, "endpointSlices">): readonly Service[] {
  const slices = Map.groupBy(endpointSlices.rows(), serviceOf);
  return [...slices].flatMap(([service, of]) => (service === undefined ? [] : (policyService(service, of) ?? [])));
}
