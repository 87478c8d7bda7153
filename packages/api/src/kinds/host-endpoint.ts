import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  address,
  dnsSubdomain,
  type Infer,
  list,
  matching,
  nodeName,
  object,
  optional,
  port,
  required,
} from "../schema/index.ts";
import { portName } from "./policy/port.ts";
import { hasPorts, protocol } from "./protocol.ts";

const endpointPort = object(
  { name: required(portName()), protocol: required(protocol()), port: required(port()) },
  {
    name: "The name that rules know it by.",
    protocol: "TCP, UDP or SCTP, by name or number.",
    port: "Its number.",
  },
);

const spec = object(
  {
    node: required(nodeName()),
    interfaceName: optional(
      matching(
        "an interface name of 1 to 15 letters, digits, '_', '-', '.', or '*'",
        "interface-name",
        /^(?:\*|[a-zA-Z0-9_.-]{1,15})$/,
      ),
      "",
    ),
    expectedIPs: optional(list(address(), { unique: true }), []),
    profiles: optional(list(dnsSubdomain(), { unique: true }), []),
    ports: optional(list(endpointPort), []),
  },
  {
    node: "The node it is on.",
    interfaceName: "The interface; '*' stands for all of the node's, and none for the one with an expected address.",
    expectedIPs: "The endpoint's addresses: rules that select it mean these.",
    profiles: "Profiles whose labels and rules it has, in order.",
    ports: "Names of its ports, for rules.",
  },
);

export interface HostEndpointSpec extends Infer<typeof spec> {}
/** A node's own interface, as policies see it. */
export type HostEndpoint = Resource<HostEndpointSpec, unknown, "HostEndpoint">;

export const hostEndpoint = defineKind<HostEndpoint>({
  kind: "HostEndpoint",
  description: "A node's own interface, or all of them, so that policies apply to it as they do to pods.",
  plural: "hostendpoints",
  aliases: ["hep", "heps"],
  namespaced: false,
  spec,
  rules: {
    "An interface or an address says which it is.": checkWhich,
    "Named ports are of TCP, UDP or SCTP.": checkPorts,
  },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "NODE", cell: ({ spec }) => spec.node },
  ],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "NODE", cell: ({ spec }) => spec.node },
    { heading: "INTERFACE", cell: ({ spec }) => spec.interfaceName ?? "" },
    { heading: "IPS", cell: ({ spec }) => (spec.expectedIPs ?? []).join(",") },
    { heading: "PROFILES", cell: ({ spec }) => (spec.profiles ?? []).join(",") },
  ],
  example: { name: "node1-eth0", spec: { node: "node1", interfaceName: "eth0", expectedIPs: ["192.168.0.81"] } },
});

function* checkWhich({ spec }: HostEndpoint): Iterable<Problem> {
  if (spec.interfaceName !== undefined || (spec.expectedIPs ?? []).length > 0) return;
  const message = "is missing, and expectedIPs too: one of them says which interface is meant";
  yield { field: "spec.interfaceName", value: undefined, rule: "required", message };
}

function* checkPorts({ spec }: HostEndpoint): Iterable<Problem> {
  for (const [index, { protocol }] of (spec.ports ?? []).entries()) {
    if (hasPorts(protocol)) continue;
    const message = "has no ports; use TCP, UDP or SCTP";
    yield { field: `spec.ports[${index}].protocol`, value: protocol, rule: "ports-protocol", message };
  }
}
