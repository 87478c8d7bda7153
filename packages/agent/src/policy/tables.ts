import {
  type AnyResource,
  decodeStored,
  globalNetworkPolicy,
  globalNetworkSet,
  hostEndpoint,
  type Kind,
  networkPolicy,
  networkSet,
  profile,
  stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicy,
  stagedNetworkPolicy,
  tier,
  workloadEndpoint,
} from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import type { Logger } from "@ocicat/kit";
import {
  type Host,
  type NetworkSet,
  type Policy,
  type PolicyResource,
  type Profile,
  readHost,
  readNetworkSet,
  readPolicy,
  readProfile,
  readStoredPolicy,
  readTier,
  type Tier,
  type Workload,
} from "@ocicat/policy";
import { Table } from "../tables/table.ts";
import type { ReflectorSink } from "../watch/reflector.ts";
import { closedProfile, closedTier, readableNetworks } from "./unreadable.ts";
import { workloadReader } from "./workload-reader.ts";

/** What policy follows from, as the model's values. */
export interface PolicyRows {
  readonly tiers: Table<Tier>;
  readonly profiles: Table<Profile>;
  readonly hosts: Table<Host>;
  /** All nodes' workload endpoints. */
  readonly workloads: Table<Workload>;
  readonly networkSets: Table<NetworkSet>;
  readonly globalNetworkSets: Table<NetworkSet>;
  readonly networkPolicies: Table<Policy>;
  readonly globalNetworkPolicies: Table<Policy>;
  readonly stagedNetworkPolicies: Table<Policy>;
  readonly stagedGlobalNetworkPolicies: Table<Policy>;
  readonly stagedKubernetesNetworkPolicies: Table<Policy>;
}

/** Where each is stored. */
const KINDS: { readonly [Name in keyof PolicyRows]: Kind } = {
  tiers: tier,
  profiles: profile,
  hosts: hostEndpoint,
  workloads: workloadEndpoint,
  networkSets: networkSet,
  globalNetworkSets: globalNetworkSet,
  networkPolicies: networkPolicy,
  globalNetworkPolicies: globalNetworkPolicy,
  stagedNetworkPolicies: stagedNetworkPolicy,
  stagedGlobalNetworkPolicies: stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicies: stagedKubernetesNetworkPolicy,
};

export function makePolicyRows(logger: Logger): PolicyRows {
  function table<R extends AnyResource, Row>(
    kind: Kind<R>,
    read: (resource: R) => Row,
    standIn?: (kind: Kind, item: KeyValue, why: string) => Row | undefined,
  ): Table<Row> {
    const replacement = standIn && ((item: KeyValue, why: string) => standIn(kind, item, why));
    return new Table(kind.plural, (item) => read(decodeStored(kind, item)), logger, replacement);
  }
  const policies = <R extends PolicyResource & AnyResource>(kind: Kind<R>) =>
    table(kind, readPolicy, (_, item) => readStoredPolicy(kind, item));
  return {
    tiers: table(tier, readTier, closedTier),
    profiles: table(profile, readProfile, closedProfile),
    hosts: table(hostEndpoint, readHost),
    workloads: new Table(workloadEndpoint.plural, workloadReader(), logger),
    networkSets: table(networkSet, readNetworkSet, readableNetworks),
    globalNetworkSets: table(globalNetworkSet, readNetworkSet, readableNetworks),
    networkPolicies: policies(networkPolicy),
    globalNetworkPolicies: policies(globalNetworkPolicy),
    stagedNetworkPolicies: policies(stagedNetworkPolicy),
    stagedGlobalNetworkPolicies: policies(stagedGlobalNetworkPolicy),
    stagedKubernetesNetworkPolicies: policies(stagedKubernetesNetworkPolicy),
  };
}

/** The tables of all kinds of policies. */
export function policyTables(rows: PolicyRows): readonly Table<Policy>[] {
  return [
    rows.networkPolicies,
    rows.globalNetworkPolicies,
    rows.stagedNetworkPolicies,
    rows.stagedGlobalNetworkPolicies,
    rows.stagedKubernetesNetworkPolicies,
  ];
}

/** What to watch for each but the workloads, which another table needs too. */
export function policySources(rows: PolicyRows): readonly (readonly [string, ReflectorSink])[] {
  return Object.entries(KINDS).flatMap(([name, kind]) =>
    kind === workloadEndpoint ? [] : [[kind.storage.prefix(), rows[name as keyof PolicyRows]] as const],
  );
}
