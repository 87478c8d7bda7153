import type { PrinterColumn } from "./definition.ts";

const column = (name: string, jsonPath: string, type: PrinterColumn["type"] = "string"): PrinterColumn => ({
  name,
  type,
  jsonPath,
});
const wide = (name: string, jsonPath: string, type: PrinterColumn["type"] = "string"): PrinterColumn => ({
  ...column(name, jsonPath, type),
  priority: 1,
});

const TIERED = [
  column("Tier", ".spec.tier"),
  wide("Order", ".spec.order", "number"),
  wide("Selector", ".spec.selector"),
];

/**
 * What `kubectl get` shows between a resource's name and its age: what our own tables show, as far as a path can say it. A
 * path cannot count, nor say what holds where nothing is given.
 */
export const columnsByKind: Readonly<Record<string, readonly PrinterColumn[]>> = {
  BGPConfiguration: [
    column("LogSeverity", ".spec.logSeverityScreen"),
    column("MeshEnabled", ".spec.nodeToNodeMeshEnabled", "boolean"),
    column("ASNumber", ".spec.asNumber"),
  ],
  BGPPeer: [
    column("PeerIP", ".spec.peerIP"),
    column("Node", ".spec.node"),
    column("ASN", ".spec.asNumber"),
    wide("Selector", ".spec.nodeSelector"),
  ],
  BlockAffinity: [column("Node", ".spec.node"), column("CIDR", ".spec.cidr"), column("State", ".spec.state")],
  CalicoNodeStatus: [column("Node", ".spec.node"), wide("Classes", ".spec.classes")],
  ClusterInformation: [
    column("ClusterGUID", ".spec.clusterGUID"),
    column("ClusterType", ".spec.clusterType"),
    column("CalicoVersion", ".spec.calicoVersion"),
    column("DatastoreReady", ".spec.datastoreReady", "boolean"),
  ],
  GlobalNetworkPolicy: TIERED,
  GlobalNetworkSet: [wide("Nets", ".spec.nets")],
  HostEndpoint: [
    column("Node", ".spec.node"),
    wide("Interface", ".spec.interfaceName"),
    wide("IPs", ".spec.expectedIPs"),
    wide("Profiles", ".spec.profiles"),
  ],
  IPAMConfiguration: [
    column("StrictAffinity", ".spec.strictAffinity", "boolean"),
    column("AutoAllocateBlocks", ".spec.autoAllocateBlocks", "boolean"),
    wide("MaxBlocksPerHost", ".spec.maxBlocksPerHost", "integer"),
  ],
  IPPool: [
    column("CIDR", ".spec.cidr"),
    column("Selector", ".spec.nodeSelector"),
    wide("NAT", ".spec.natOutgoing", "boolean"),
    wide("IPIPMode", ".spec.ipipMode"),
    wide("VXLANMode", ".spec.vxlanMode"),
    wide("Disabled", ".spec.disabled", "boolean"),
    wide("DisableBGPExport", ".spec.disableBGPExport", "boolean"),
    wide("AssignmentMode", ".spec.assignmentMode"),
  ],
  IPReservation: [wide("CIDRs", ".spec.reservedCIDRs")],
  NetworkPolicy: TIERED,
  NetworkSet: [wide("Nets", ".spec.nets")],
  StagedGlobalNetworkPolicy: TIERED,
  StagedKubernetesNetworkPolicy: [wide("PodSelector", ".spec.podSelector")],
  StagedNetworkPolicy: TIERED,
  Tier: [column("Order", ".spec.order", "number")],
};
