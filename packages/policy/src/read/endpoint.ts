import { endpointPrefixes, type HostEndpoint, type Labels, type WorkloadEndpoint } from "@ocicat/api";
import type { Host, NamedPort, Workload } from "../model/endpoint.ts";
import { Protocol } from "../model/packet.ts";
import { readAddress, readNetwork } from "./network.ts";
import { protocolNumber } from "./protocol.ts";
import {
  NAMESPACE_LABEL,
  NAMESPACE_PREFIX,
  ORCHESTRATOR_LABEL,
  SERVICE_ACCOUNT_LABEL,
  SERVICE_ACCOUNT_PREFIX,
} from "./selectors.ts";

export function readWorkload(endpoint: WorkloadEndpoint): Workload {
  const { metadata, spec } = endpoint;
  const namespace = metadata.namespace ?? "";
  return {
    kind: "workload",
    id: `${namespace}/${metadata.name}`,
    node: spec.node,
    workload: `${namespace}/${spec.pod ?? spec.workload ?? spec.containerID ?? metadata.name}`,
    namespace,
    labels: workloadLabels(endpoint),
    profiles: spec.profiles ?? [],
    ports: (spec.ports ?? []).flatMap(namedPort),
    interfaceName: spec.interfaceName ?? "",
    addresses: endpointPrefixes(endpoint).map(({ address }) => address),
    allowedSources: (spec.allowSpoofedSourcePrefixes ?? []).map((text) => readNetwork(text)),
  };
}

export function readHost({ metadata, spec }: HostEndpoint): Host {
  return {
    kind: "host",
    id: metadata.name,
    node: spec.node,
    labels: metadata.labels ?? {},
    profiles: spec.profiles ?? [],
    ports: (spec.ports ?? []).flatMap(namedPort),
    interfaceName: spec.interfaceName ?? "",
    addresses: (spec.expectedIPs ?? []).map((text) => readAddress(text)),
  };
}

/** What says where an endpoint is and as whom it runs is the system's to say: labels that say it themselves do not count. */
function workloadLabels({ metadata, spec }: WorkloadEndpoint): Labels {
  const own = Object.entries(metadata.labels ?? {}).filter(
    ([name]) => !name.startsWith(NAMESPACE_PREFIX) && !name.startsWith(SERVICE_ACCOUNT_PREFIX),
  );
  const { serviceAccountName } = spec;
  return Object.fromEntries([
    ...own,
    [NAMESPACE_LABEL, metadata.namespace ?? ""],
    [ORCHESTRATOR_LABEL, spec.orchestrator],
    ...(serviceAccountName === undefined ? [] : [[SERVICE_ACCOUNT_LABEL, serviceAccountName]]),
  ]);
}

/** Ports without a name are there for the plugin alone. */
function namedPort({
  name,
  protocol,
  port,
}: {
  readonly name: string;
  readonly protocol?: string | number;
  readonly port: number;
}): readonly NamedPort[] {
  const number = protocol === undefined ? Protocol.tcp : protocolNumber(protocol);
  return name === "" || number === undefined ? [] : [{ name, protocol: number, port }];
}
