import { parseAddress } from "@ocicat/net";
import type { Workload } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import { type Packet, Protocol } from "../model/packet.ts";
import type { Profile } from "../model/policy.ts";
import { ANY_END } from "../read/end.ts";
import { readKubernetesPolicy } from "../read/kubernetes.ts";
import { peerRule } from "../read/rule.ts";
import { type Cluster, type Pod, type Probe, podName } from "./cluster.ts";

/** What the product makes of a cluster. `nodeOf`: where a pod runs; all of them on one node unless told. */
export function modelOf(cluster: Cluster, nodeOf: (pod: string) => string = () => "node1"): PolicyModel {
  return {
    tiers: [{ name: "default", order: 1_000_000, defaultAction: "deny" }],
    policies: cluster.policies.map(readKubernetesPolicy),
    profiles: Object.entries(cluster.namespaces).map(([name, labels]) => namespaceProfile(name, labels)),
    endpoints: cluster.pods.map((pod) => workloadOf(pod, nodeOf(podName(pod)))),
    networkSets: [],
    services: [],
    settings: {
      endpointToHost: "return",
      failsafeInbound: [],
      failsafeOutbound: [],
      dropInvalid: true,
      allowVxlanFromWorkloads: false,
      allowIpipFromWorkloads: false,
      vxlanPort: 4789,
    },
  };
}

/** The packet that opens a probe's connection. */
export function packetOf({ source, destination, protocol, port }: Probe, { pods }: Cluster): Packet {
  const addressOf = (name: string) => parseAddress(pods.find((pod) => podName(pod) === name)?.address ?? "");
  return {
    source: addressOf(source),
    destination: addressOf(destination),
    protocol: NUMBERS[protocol],
    sourcePort: 40_000,
    destinationPort: port,
  };
}

const NUMBERS = { TCP: Protocol.tcp, UDP: Protocol.udp, SCTP: Protocol.sctp } as const;

/** Open where no policy is, and with the namespace's labels, as Calico makes it of a namespace. */
function namespaceProfile(name: string, labels: Readonly<Record<string, string>>): Profile {
  const own = Object.entries(labels).map(([key, value]) => [`pcns.${key}`, value]);
  return {
    name: `kns.${name}`,
    labels: Object.fromEntries([...own, ["pcns.projectcalico.org/name", name]]),
    ingress: [peerRule("allow", "ingress", ANY_END, undefined, [], "spec.ingress[0]")],
    egress: [peerRule("allow", "egress", ANY_END, undefined, [], "spec.egress[0]")],
  };
}

function workloadOf(pod: Pod, node: string): Workload {
  const { namespace, name, labels, address, ports } = pod;
  return {
    kind: "workload",
    id: `${namespace}/${node}-k8s-${name}-eth0`,
    node,
    workload: podName(pod),
    namespace,
    labels: { ...labels, "projectcalico.org/namespace": namespace, "projectcalico.org/orchestrator": "k8s" },
    profiles: [`kns.${namespace}`],
    ports: ports.map((port) => ({ name: port.name, protocol: NUMBERS[port.protocol], port: port.port })),
    interfaceName: `cali${namespace}${name}`,
    addresses: [parseAddress(address)],
    allowedSources: [],
  };
}
