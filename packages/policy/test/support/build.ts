import { type AnyResource, readDocument } from "@ocicat/api";
import { parseAddress, parsePrefix } from "@ocicat/net";
import {
  type Host,
  type NetworkSet,
  type Packet,
  type Policy,
  type PolicyModel,
  type PolicyResource,
  type PolicySettings,
  type Profile,
  Protocol,
  readPolicy,
  type Workload,
} from "../../src/index.ts";

type Given = Readonly<Record<string, unknown>>;

/** A policy as somebody writes it, read as the product reads it. A namespace makes it a NetworkPolicy. */
export function policy(
  name: string,
  spec: Given,
  more: { readonly namespace?: string; readonly kind?: string } = {},
): Policy {
  const { namespace, kind = namespace === undefined ? "GlobalNetworkPolicy" : "NetworkPolicy" } = more;
  const document = {
    apiVersion: "projectcalico.org/v3",
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec,
  };
  const resource = readDocument(document);
  if (!isPolicy(resource)) throw new TypeError(`${resource.kind} is not a policy`);
  return readPolicy(resource);
}

function isPolicy(resource: AnyResource): resource is AnyResource & PolicyResource {
  return resource.kind.endsWith("NetworkPolicy");
}

export const ALLOW_ALL: Profile = {
  name: "allow-all",
  labels: {},
  ingress: [{ ...emptyRule("allow"), field: "spec.ingress[0]" }],
  egress: [{ ...emptyRule("allow"), field: "spec.egress[0]" }],
};

function emptyRule(action: "allow" | "deny") {
  const end = {
    networks: [],
    notNetworks: [],
    selector: undefined,
    notSelector: undefined,
    nodes: undefined,
    ports: [],
    notPorts: [],
    service: undefined,
  };
  return {
    action,
    ipVersion: undefined,
    protocol: undefined,
    notProtocol: undefined,
    icmp: undefined,
    notIcmp: undefined,
    source: end,
    destination: end,
    field: "",
    broken: undefined,
  };
}

interface WorkloadParts {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly namespace?: string;
  readonly node?: string;
  readonly profiles?: readonly string[];
  readonly ports?: Workload["ports"];
}

export function workload(parts: WorkloadParts): Workload {
  const {
    name,
    addresses,
    labels = {},
    namespace = "default",
    node = "node1",
    profiles = ["allow-all"],
    ports = [],
  } = parts;
  return {
    kind: "workload",
    id: `${namespace}/${node}-k8s-${name}-eth0`,
    node,
    workload: `${namespace}/${name}`,
    namespace,
    labels: {
      ...labels,
      "projectcalico.org/namespace": namespace,
      "projectcalico.org/orchestrator": "k8s",
    },
    profiles,
    ports,
    interfaceName: `cali${name}`,
    addresses: addresses.map((text) => parseAddress(text)),
    allowedSources: [],
  };
}

export function host(
  parts: Partial<Omit<Host, "addresses">> & { readonly id: string; readonly addresses?: readonly string[] },
): Host {
  const { addresses = [], ...rest } = parts;
  return {
    kind: "host",
    node: "node1",
    labels: {},
    profiles: [],
    ports: [],
    interfaceName: "*",
    ...rest,
    addresses: addresses.map((text) => parseAddress(text)),
  };
}

export function networkSet(
  id: string,
  labels: Readonly<Record<string, string>>,
  networks: readonly string[],
): NetworkSet {
  return { id, kind: "GlobalNetworkSet", labels, profiles: [], networks: networks.map((text) => parsePrefix(text)) };
}

export const SETTINGS: PolicySettings = {
  endpointToHost: "drop",
  failsafeInbound: [],
  failsafeOutbound: [],
  dropInvalid: true,
  allowVxlanFromWorkloads: false,
  allowIpipFromWorkloads: false,
  vxlanPort: 4789,
};

export function model(parts: Partial<PolicyModel>): PolicyModel {
  return {
    tiers: [
      { name: "default", order: 1_000_000, defaultAction: "deny" },
      { name: "kube-admin", order: 1_000, defaultAction: "pass" },
      { name: "kube-baseline", order: 10_000_000, defaultAction: "pass" },
    ],
    policies: [],
    profiles: [ALLOW_ALL],
    endpoints: [],
    networkSets: [],
    services: [],
    settings: SETTINGS,
    ...parts,
  };
}

/** To a port of TCP, unless told. */
export function packet(source: string, destination: string, port = 80, protocol: number = Protocol.tcp): Packet {
  return {
    source: parseAddress(source),
    destination: parseAddress(destination),
    protocol,
    sourcePort: 40_000,
    destinationPort: port,
  };
}
