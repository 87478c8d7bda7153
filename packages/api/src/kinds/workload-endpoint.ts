import { isOcicatError } from "@ocicat/kit";
import { type Family, type Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  accept,
  address,
  addressOrNetwork,
  dscp,
  hostNetwork,
  type Infer,
  integer,
  interfaceName,
  list,
  mac,
  nodeName,
  object,
  optional,
  port,
  refuse,
  required,
  scalar,
  text,
} from "../schema/index.ts";
import { workloadEndpointName } from "../workload.ts";

/** By name, or by number. */
const protocol = scalar<string | number>(
  "a protocol: TCP, UDP, SCTP, UDPLite, ICMP, ICMPv6, or a number from 1 to 255",
  (value) => (isProtocol(value) ? accept(value) : refuse("protocol")),
);

function isProtocol(value: unknown): value is string | number {
  return typeof value === "string"
    ? /^(?:tcp|udp|sctp|udplite|icmp|icmpv6)$/i.test(value)
    : typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 255;
}

const namedPort = object({
  name: optional(text(), ""),
  protocol: optional(protocol),
  port: required(port()),
  hostPort: optional(port(), 0),
  hostIP: optional(address(), ""),
});

// Bits or packets a second, bits or packets of a burst, connections.
const amount = integer(0);

const qosControls = object({
  ingressBandwidth: optional(amount, 0),
  egressBandwidth: optional(amount, 0),
  ingressBurst: optional(amount, 0),
  egressBurst: optional(amount, 0),
  ingressPeakrate: optional(amount, 0),
  egressPeakrate: optional(amount, 0),
  ingressMinburst: optional(amount, 0),
  egressMinburst: optional(amount, 0),
  ingressPacketRate: optional(amount, 0),
  egressPacketRate: optional(amount, 0),
  ingressPacketBurst: optional(amount, 0),
  egressPacketBurst: optional(amount, 0),
  ingressMaxConnections: optional(amount, 0),
  egressMaxConnections: optional(amount, 0),
  dscp: optional(dscp()),
});

const spec = object({
  orchestrator: required(text()),
  workload: optional(text(), ""),
  node: required(nodeName()),
  containerID: optional(text(), ""),
  pod: optional(text(), ""),
  endpoint: required(text()),
  serviceAccountName: optional(text(), ""),
  ipNetworks: optional(list(hostNetwork()), []),
  ipNATs: optional(list(object({ internalIP: required(address()), externalIP: required(address()) })), []),
  ipv4Gateway: optional(address(4), ""),
  ipv6Gateway: optional(address(6), ""),
  profiles: optional(list(text()), []),
  interfaceName: optional(interfaceName(), ""),
  mac: optional(mac(), ""),
  ports: optional(list(namedPort), []),
  allowSpoofedSourcePrefixes: optional(list(addressOrNetwork()), []),
  qosControls: optional(qosControls),
});

export interface WorkloadEndpointSpec extends Infer<typeof spec> {}
/** A pod's interface: its addresses, and its end on the host. */
export type WorkloadEndpoint = Resource<WorkloadEndpointSpec, unknown, "WorkloadEndpoint">;

export const workloadEndpoint = defineKind<WorkloadEndpoint>({
  kind: "WorkloadEndpoint",
  plural: "workloadendpoints",
  aliases: ["wep", "weps"],
  namespaced: true,
  spec,
  complete: withSystemLabels,
  rules: [checkName, checkNats],
  columns: [
    { heading: "WORKLOAD", cell: workloadCell },
    { heading: "NODE", cell: ({ spec }) => spec.node },
    { heading: "NETWORKS", cell: networksCell },
    { heading: "INTERFACE", cell: ({ spec }) => spec.interfaceName ?? "" },
  ],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "WORKLOAD", cell: workloadCell },
    { heading: "NODE", cell: ({ spec }) => spec.node },
    { heading: "NETWORKS", cell: networksCell },
    { heading: "INTERFACE", cell: ({ spec }) => spec.interfaceName ?? "" },
    { heading: "PROFILES", cell: ({ spec }) => (spec.profiles ?? []).join(",") },
    {
      heading: "NATS",
      cell: ({ spec }) => (spec.ipNATs ?? []).map((nat) => `${nat.externalIP}=${nat.internalIP}`).join(","),
    },
  ],
});

/** The addresses of an endpoint, of one family or of both. */
export function endpointPrefixes(endpoint: WorkloadEndpoint, family?: Family): readonly Prefix[] {
  const prefixes = (endpoint.spec.ipNetworks ?? []).map((text) => parsePrefix(text));
  return family === undefined ? prefixes : prefixes.filter((prefix) => prefix.family === family);
}

function workloadCell({ spec }: WorkloadEndpoint): string {
  return spec.pod ?? spec.workload ?? "";
}

function networksCell({ spec }: WorkloadEndpoint): string {
  return (spec.ipNetworks ?? []).join(",");
}

/** Policies select by these two; what an endpoint says of itself there does not count. */
function withSystemLabels(endpoint: WorkloadEndpoint): WorkloadEndpoint {
  const { metadata, spec } = endpoint;
  const labels = {
    ...metadata.labels,
    "projectcalico.org/namespace": metadata.namespace ?? "",
    "projectcalico.org/orchestrator": spec.orchestrator,
  };
  return { ...endpoint, metadata: { ...metadata, labels } };
}

/** The name repeats what the spec says, so that endpoints can be listed by node and by workload. */
function* checkName({ metadata, spec }: WorkloadEndpoint): Iterable<Problem> {
  try {
    const expected = workloadEndpointName(spec);
    if (metadata.name === expected) return;
    const message = `does not say what the spec says; its name must be ${expected}`;
    yield { field: "metadata.name", value: metadata.name, rule: "endpoint-name", message };
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    yield { field: "spec", value: undefined, rule: "endpoint-name", message: `cannot be named: ${error.message}` };
  }
}

function* checkNats({ spec }: WorkloadEndpoint): Iterable<Problem> {
  const networks = (spec.ipNetworks ?? []).map((network) => parsePrefix(network));
  for (const [index, { internalIP }] of (spec.ipNATs ?? []).entries()) {
    if (networks.some((network) => network.has(parseAddress(internalIP)))) continue;
    const message = "is not an address of the endpoint";
    yield { field: `spec.ipNATs[${index}].internalIP`, value: internalIP, rule: "nat-address", message };
  }
}
