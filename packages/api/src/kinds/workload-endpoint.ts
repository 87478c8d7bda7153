import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import {
  address,
  hostNetwork,
  type Infer,
  integer,
  list,
  mac,
  network,
  nodeName,
  object,
  optional,
  required,
  text,
} from "../schema/index.ts";

const port = object({
  name: optional(text(), ""),
  protocol: optional(text("a protocol")),
  port: required(integer(0, 65_535)),
  hostPort: optional(integer(0, 65_535), 0),
  hostIP: optional(text("an IP address"), ""),
});

const rate = integer(0, 1_000_000_000_000_000);

const qosControls = object({
  ingressBandwidth: optional(rate, 0),
  egressBandwidth: optional(rate, 0),
  ingressBurst: optional(rate, 0),
  egressBurst: optional(rate, 0),
  ingressPeakrate: optional(rate, 0),
  egressPeakrate: optional(rate, 0),
  ingressMinburst: optional(rate, 0),
  egressMinburst: optional(rate, 0),
  ingressPacketRate: optional(rate, 0),
  egressPacketRate: optional(rate, 0),
  ingressPacketBurst: optional(rate, 0),
  egressPacketBurst: optional(rate, 0),
  ingressMaxConnections: optional(rate, 0),
  egressMaxConnections: optional(rate, 0),
  dscp: optional(text("a DSCP value")),
});

const spec = object({
  orchestrator: required(text()),
  workload: optional(text(), ""),
  node: required(nodeName()),
  containerID: optional(text(), ""),
  pod: optional(text(), ""),
  endpoint: required(text()),
  serviceAccountName: optional(text(), ""),
  ipNetworks: optional(list(hostNetwork())),
  ipNATs: optional(list(object({ internalIP: required(address()), externalIP: required(address()) }))),
  ipv4Gateway: optional(address(4), ""),
  ipv6Gateway: optional(address(6), ""),
  profiles: optional(list(text())),
  interfaceName: optional(text("an interface name"), ""),
  mac: optional(mac(), ""),
  ports: optional(list(port)),
  allowSpoofedSourcePrefixes: optional(list(network())),
  qosControls: optional(qosControls),
});

export interface WorkloadEndpointSpec extends Infer<typeof spec> {}
export type WorkloadEndpoint = Resource<WorkloadEndpointSpec, unknown, "WorkloadEndpoint">;

export const workloadEndpoint = defineKind<WorkloadEndpoint>({
  kind: "WorkloadEndpoint",
  plural: "workloadendpoints",
  aliases: ["wep"],
  namespaced: true,
  spec,
  rules: [],
  columns: [],
});
