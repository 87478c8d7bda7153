export { decodeStored, encodeStored, printableResource, type StoredResource } from "./codec.ts";
export type {
  Column,
  Hindrance,
  Kind,
  KindParts,
  RelatedResources,
  Rule,
  RuleContext,
  TableContext,
} from "./define-kind.ts";
export { checkResource, type DocumentOptions, readChanged, readDocument } from "./document.ts";
export * from "./ipam/index.ts";
export { keyPrefix, knownKind, parseResourceKey, type ResourceKey, resourceKey } from "./keys.ts";
export { type BGPConfiguration, type BGPConfigurationSpec, bgpConfiguration } from "./kinds/bgp-configuration.ts";
export { type BGPFilter, type BGPFilterSpec, bgpFilter } from "./kinds/bgp-filter.ts";
export { type BGPPeer, type BGPPeerSpec, bgpPeer, type PeerEndpoint, parsePeerIP } from "./kinds/bgp-peer.ts";
export {
  type BlockAffinityResource,
  type BlockAffinityResourceSpec,
  blockAffinity,
} from "./kinds/block-affinity.ts";
export {
  type CalicoNodeStatus,
  type CalicoNodeStatusSpec,
  type CalicoNodeStatusStatus,
  calicoNodeStatus,
} from "./kinds/calico-node-status.ts";
export {
  type ClusterInformation,
  type ClusterInformationSpec,
  clusterInformation,
} from "./kinds/cluster-information.ts";
export {
  type FelixConfiguration,
  type FelixConfigurationSpec,
  type FelixSettings,
  felixConfiguration,
  felixSettings,
} from "./kinds/felix-configuration.ts";
export { felixFromEnvironment, felixVariablesWithoutEffect } from "./kinds/felix-environment.ts";
export { type FelixParameterName, felixParameters, type Parameter } from "./kinds/felix-parameters.ts";
export {
  type GlobalNetworkPolicy,
  type GlobalNetworkPolicySpec,
  globalNetworkPolicy,
} from "./kinds/global-network-policy.ts";
export { type GlobalNetworkSet, type GlobalNetworkSetSpec, globalNetworkSet } from "./kinds/global-network-set.ts";
export { type HostEndpoint, type HostEndpointSpec, hostEndpoint } from "./kinds/host-endpoint.ts";
export { type IPReservation, type IPReservationSpec, ipReservation, reservedNetworks } from "./kinds/ip-reservation.ts";
export { type IPAMConfiguration, type IPAMConfigurationSpec, ipamConfiguration } from "./kinds/ipam-configuration.ts";
export { type IPPool, type IPPoolSpec, type IPPoolStatus, ippool } from "./kinds/ippool.ts";
export {
  type KubeControllersConfiguration,
  type KubeControllersConfigurationSpec,
  type KubeControllersConfigurationStatus,
  kubeControllersConfiguration,
} from "./kinds/kube-controllers-configuration.ts";
export { type NetworkPolicy, type NetworkPolicySpec, networkPolicy } from "./kinds/network-policy.ts";
export { type NetworkSet, type NetworkSetSpec, networkSet } from "./kinds/network-set.ts";
export { DEFAULT_AS_NUMBER, type Node, type NodeSpec, type NodeStatus, node } from "./kinds/node.ts";
export { MAX_RULES } from "./kinds/policy/check.ts";
export {
  type ClusterPeer,
  type ClusterProtocol,
  type ClusterRule,
  clusterEgressRule,
  clusterIngressRule,
  clusterSubject,
} from "./kinds/policy/cluster.ts";
export {
  egressRule as kubernetesEgressRule,
  ingressRule as kubernetesIngressRule,
  type LabelSelector,
  labelSelector,
  type Peer as KubernetesPeer,
  type PolicyPort as KubernetesPort,
} from "./kinds/policy/kubernetes.ts";
export { type EntityRule, type PolicyRule, policyRule } from "./kinds/policy/rule.ts";
export { DEFAULT_TIER, TIER_LABEL } from "./kinds/policy/tier-names.ts";
export { type Profile, type ProfileSpec, profile } from "./kinds/profile.ts";
export {
  type StagedGlobalNetworkPolicy,
  type StagedGlobalNetworkPolicySpec,
  stagedGlobalNetworkPolicy,
} from "./kinds/staged-global-network-policy.ts";
export {
  type StagedKubernetesNetworkPolicy,
  type StagedKubernetesNetworkPolicySpec,
  stagedKubernetesNetworkPolicy,
} from "./kinds/staged-kubernetes-network-policy.ts";
export {
  type StagedNetworkPolicy,
  type StagedNetworkPolicySpec,
  stagedNetworkPolicy,
} from "./kinds/staged-network-policy.ts";
export { type Tier, type TierSpec, tier } from "./kinds/tier.ts";
export {
  endpointPrefixes,
  type WorkloadEndpoint,
  type WorkloadEndpointSpec,
  workloadEndpoint,
} from "./kinds/workload-endpoint.ts";
export { findKind, kindNamed, kinds } from "./kinds.ts";
export { KUBERNETES_OBJECTS, type KubernetesObjectKind } from "./kubernetes-objects.ts";
export { asCreated, asUpdated, type Birth, formatTimestamp, randomUid } from "./lifecycle.ts";
export {
  type DocumentPosition,
  formatProblem,
  type PlaceOf,
  type Problem,
  type TextPlace,
  ValidationError,
} from "./problem.ts";
export {
  QOS_ANNOTATIONS,
  type QosControls,
  type QosProblem,
  readQosAnnotations,
  withoutPluginBandwidth,
} from "./qos-annotations.ts";
export { parseQuantity } from "./quantity.ts";
export { type AnyResource, API_VERSION, type ObjectMeta, type Resource } from "./resource.ts";
export { durationMs, formatDuration, parseDuration } from "./schema/duration.ts";
export { checkLabelKey, checkLabelValue } from "./schema/names.ts";
export { isObject, type Reading, read as readValue } from "./schema/read.ts";
export type { Field, Infer, ObjectSchema, ScalarSchema, Schema } from "./schema/schema.ts";
export {
  compileSelector,
  type Labels,
  parseSelector,
  printSelector,
  type Selector,
  SelectorError,
  type SelectorNode,
  selectorOf,
} from "./selector/index.ts";
export { sha1Hex } from "./sha1.ts";
export { type Elsewhere, RESOURCES_PREFIX, type ResourceName, type Storage } from "./storage.ts";
export { columnsOf, formatTable, resourceTable, type Table, type TableOptions } from "./table.ts";
export type { IneffectiveField, StoredOnlyField } from "./without-effect.ts";
export {
  containerInterfaceName,
  isEndpointOf,
  type WorkloadIdentity,
  workloadEndpointName,
  workloadEndpointPrefix,
  workloadInterfaceName,
} from "./workload.ts";
