export type { Column, Kind, KindParts, Rule, RuleContext, TableContext } from "./define-kind.ts";
export { keyPrefix, parseResourceKey, RESOURCES_PREFIX, type ResourceKey, resourceKey } from "./keys.ts";
export type { BGPConfiguration, BGPConfigurationSpec } from "./kinds/bgp-configuration.ts";
export type { ClusterInformation, ClusterInformationSpec } from "./kinds/cluster-information.ts";
export type { FelixConfiguration, FelixConfigurationSpec } from "./kinds/felix-configuration.ts";
export type { IPReservation, IPReservationSpec } from "./kinds/ip-reservation.ts";
export type { IPPool, IPPoolSpec } from "./kinds/ippool.ts";
export type { Node, NodeSpec, NodeStatus } from "./kinds/node.ts";
export type { WorkloadEndpoint, WorkloadEndpointSpec } from "./kinds/workload-endpoint.ts";
export { findKind, kinds } from "./kinds.ts";
export { type DocumentPosition, formatProblem, type Problem, ValidationError } from "./problem.ts";
export { type AnyResource, API_VERSION, type ObjectMeta, type Resource } from "./resource.ts";
export { durationMs, formatDuration, parseDuration } from "./schema/duration.ts";
export { sha1Hex } from "./sha1.ts";
export {
  containerInterfaceName,
  type WorkloadIdentity,
  workloadEndpointName,
  workloadEndpointPrefix,
  workloadInterfaceName,
} from "./workload.ts";
