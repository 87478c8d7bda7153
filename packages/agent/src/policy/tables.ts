import {
  type AnyResource,
  decodeStored,
  globalNetworkPolicy,
  globalNetworkSet,
  hostEndpoint,
  type Kind,
  KUBERNETES_OBJECTS,
  type KubernetesObjectKind,
  networkPolicy,
  networkSet,
  profile,
  type Storage,
  stagedGlobalNetworkPolicy,
  stagedKubernetesNetworkPolicy,
  stagedNetworkPolicy,
  tier,
  workloadEndpoint,
} from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import { type Logger, parseJson } from "@ocicat/kit";
import { readSlice, type SliceFacts } from "@ocicat/kubernetes/derive";
import {
  closedProfile,
  closedTier,
  type Host,
  type NetworkSet,
  namedDocument,
  type Policy,
  type PolicyResource,
  type Profile,
  readableNetworks,
  readClusterPolicy,
  readHost,
  readKubernetesPolicy,
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
  /** Kubernetes' own. */
  readonly kubernetesNetworkPolicies: Table<Policy>;
  readonly kubernetesClusterNetworkPolicies: Table<Policy>;
  /** Where the endpoints of services are. Empty until somebody needs them. */
  readonly endpointSlices: Table<SliceFacts>;
}

/** Where each is stored. */
const KINDS: { readonly [Name in keyof PolicyRows]: { readonly storage: Storage } } = {
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
  kubernetesNetworkPolicies: KUBERNETES_OBJECTS.networkPolicy,
  kubernetesClusterNetworkPolicies: KUBERNETES_OBJECTS.clusterNetworkPolicy,
  endpointSlices: KUBERNETES_OBJECTS.endpointSlice,
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
  // Whatever it is, it is read: what cannot be understood of it closes.
  const ofKubernetes = ({ plural, storage }: KubernetesObjectKind, read: (document: unknown) => Policy) =>
    new Table(`kubernetes ${plural}`, (item) => read(namedDocument(storage, item)), logger);
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
    kubernetesNetworkPolicies: ofKubernetes(KUBERNETES_OBJECTS.networkPolicy, readKubernetesPolicy),
    kubernetesClusterNetworkPolicies: ofKubernetes(KUBERNETES_OBJECTS.clusterNetworkPolicy, readClusterPolicy),
    endpointSlices: new Table("endpoint slices", (item) => readSlice(parseJson(item.value)), logger),
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
    rows.kubernetesNetworkPolicies,
    rows.kubernetesClusterNetworkPolicies,
  ];
}

/** What to watch for each, but for the workloads, which another table needs too, and for what is read when it is needed. */
export function policySources(rows: PolicyRows): readonly (readonly [string, ReflectorSink])[] {
  return everyPolicySource(rows).filter(([, sink]) => sink !== rows.workloads && sink !== rows.endpointSlices);
}

/** What to read for each. */
export function everyPolicySource(rows: PolicyRows): readonly (readonly [string, ReflectorSink])[] {
  const names = Object.keys(KINDS) as (keyof PolicyRows)[];
  return names.map((name) => [KINDS[name].storage.prefix(), rows[name]]);
}
