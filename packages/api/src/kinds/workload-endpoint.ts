import { isOcicatError } from "@ocicat/kit";
import { type Family, type Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  address,
  addressOrNetwork,
  defaulted,
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
  required,
  text,
} from "../schema/index.ts";
import { workloadEndpointName } from "../workload.ts";
import { protocol } from "./protocol.ts";

/** All of it is stored, also where it is empty. */
const namedPort = object(
  {
    name: defaulted(text(), ""),
    protocol: optional(protocol()),
    port: required(port()),
    hostPort: defaulted(integer(0, 65_535), 0),
    hostIP: defaulted(address(), ""),
  },
  {
    name: "The name that policies know it by.",
    protocol: "TCP, UDP, SCTP or another, by name or number.",
    port: "The port of the workload.",
    hostPort: "A port of the node that leads to it; 0 is none.",
    hostIP: "The address of the node at which hostPort is open; all of them unless told.",
  },
);

// Bits or packets a second, bits or packets of a burst, connections.
const amount = integer(0);

const qosControls = object(
  {
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
  },
  {
    ingressBandwidth: "The rate of traffic to the workload, in bits a second.",
    egressBandwidth: "The rate of traffic from the workload, in bits a second.",
    ingressBurst: "How much may come above the rate at once, in bits.",
    egressBurst: "How much may go above the rate at once, in bits.",
    ingressPeakrate: "The highest rate of a burst to the workload, in bits a second.",
    egressPeakrate: "The highest rate of a burst from the workload, in bits a second.",
    ingressMinburst: "The size of a burst at the peak rate, to the workload, in bytes.",
    egressMinburst: "The size of a burst at the peak rate, from the workload, in bytes.",
    ingressPacketRate: "The rate of packets to the workload, a second.",
    egressPacketRate: "The rate of packets from the workload, a second.",
    ingressPacketBurst: "How many packets may come above the rate at once.",
    egressPacketBurst: "How many packets may go above the rate at once.",
    ingressMaxConnections: "How many connections to the workload there may be.",
    egressMaxConnections: "How many connections from the workload there may be.",
    dscp: "The mark that the workload's packets leave the cluster with (RFC 2474), by name or number.",
  },
);

const ipNat = object(
  { internalIP: required(address()), externalIP: required(address()) },
  { internalIP: "An address of the workload.", externalIP: "The address that leads to it." },
);

const spec = object(
  {
    orchestrator: required(text()),
    workload: optional(text(), ""),
    node: required(nodeName()),
    containerID: optional(text(), ""),
    pod: optional(text(), ""),
    endpoint: required(text()),
    serviceAccountName: optional(text(), ""),
    ipNetworks: optional(list(hostNetwork()), []),
    ipNATs: optional(list(ipNat), []),
    ipv4Gateway: optional(address(4), ""),
    ipv6Gateway: optional(address(6), ""),
    profiles: optional(list(text()), []),
    interfaceName: optional(interfaceName(), ""),
    mac: optional(mac(), ""),
    ports: optional(list(namedPort), []),
    allowSpoofedSourcePrefixes: optional(list(addressOrNetwork()), []),
    qosControls: optional(qosControls),
  },
  {
    orchestrator: "Who runs the workload, as k8s or cni.",
    workload: "The orchestrator's name of the workload, where it is no pod.",
    node: "The node that it runs on.",
    containerID: "The container's id, as the container runtime has it.",
    pod: "The pod's name.",
    endpoint: "The interface's name inside the workload, as eth0.",
    serviceAccountName: "The pod's service account.",
    ipNetworks: "The workload's addresses, each as /32 or /128.",
    ipNATs: "Addresses that lead to the workload besides its own (floating addresses).",
    ipv4Gateway: "The workload's IPv4 gateway; 169.254.1.1 unless told.",
    ipv6Gateway: "The workload's IPv6 gateway; the link-local address of the host's end unless told.",
    profiles: "Profiles that hold where no policy does, by name, in this order.",
    interfaceName: "The interface's name on the host.",
    mac: "The interface's MAC address inside the workload.",
    ports: "Names of the workload's ports.",
    allowSpoofedSourcePrefixes: "Addresses besides its own that the workload may send from.",
    qosControls: "Limits of the workload's traffic.",
  },
);

export interface WorkloadEndpointSpec extends Infer<typeof spec> {}
/** A pod's interface: its addresses, and its end on the host. */
export type WorkloadEndpoint = Resource<WorkloadEndpointSpec, unknown, "WorkloadEndpoint">;

export const workloadEndpoint = defineKind<WorkloadEndpoint>({
  kind: "WorkloadEndpoint",
  description: "A workload's interface: its addresses, and its end on the host. The CNI plugin makes it.",
  plural: "workloadendpoints",
  aliases: ["wep", "weps"],
  namespaced: true,
  spec,
  complete: withSystemLabels,
  rules: {
    "The name says what the spec says: node, orchestrator, pod or workload, endpoint.": checkName,
    "The internalIP of an ipNAT is an address of the endpoint.": checkNats,
  },
  example: {
    namespace: "default",
    name: "node1-k8s-web--1-eth0",
    spec: {
      orchestrator: "k8s",
      node: "node1",
      pod: "web-1",
      endpoint: "eth0",
      interfaceName: "cali1a2b3c4d5e6",
      ipNetworks: ["10.244.166.131/32"],
    },
  },
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
