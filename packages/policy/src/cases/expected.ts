import {
  type Cluster,
  type KubernetesPolicy,
  type Peer,
  type Pod,
  type Port,
  type Probe,
  podName,
  type Selector,
} from "./cluster.ts";

/**
 * What Kubernetes says of a connection (its documentation, "Network Policies"), worked out from the policies as they are
 * written. It shares nothing with what it is compared with.
 *
 * A pod is isolated in a direction as soon as a policy of its namespace selects it in that direction; then it is open to what
 * any rule of any of these allows. A connection needs both of its ends.
 */
export function isExpected(probe: Probe, cluster: Cluster): boolean {
  const source = podCalled(probe.source, cluster);
  const destination = podCalled(probe.destination, cluster);
  const port = { protocol: probe.protocol, number: probe.port, owner: destination };
  return (
    permits(source, "Egress", destination, port, cluster) && permits(destination, "Ingress", source, port, cluster)
  );
}

interface Target {
  readonly protocol: string;
  readonly number: number;
  /** Whose name for the port counts. */
  readonly owner: Pod;
}

function podCalled(name: string, { pods }: Cluster): Pod {
  const pod = pods.find((candidate) => podName(candidate) === name);
  if (pod === undefined) throw new TypeError(`there is no pod ${name}`);
  return pod;
}

function permits(pod: Pod, type: "Ingress" | "Egress", peer: Pod, port: Target, cluster: Cluster): boolean {
  const isolating = cluster.policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.namespace && typesOf(spec).includes(type) && selects(spec.podSelector, pod.labels),
  );
  if (isolating.length === 0) return true;
  return isolating.some(({ metadata, spec }) => {
    const rules =
      type === "Ingress"
        ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    return rules.some(
      ({ peers = [], ports = [] }) =>
        (peers.length === 0 || peers.some((each) => isPeer(each, peer, metadata.namespace, cluster))) &&
        (ports.length === 0 || ports.some((each) => isPort(each, port))),
    );
  });
}

function typesOf({ policyTypes, egress }: KubernetesPolicy["spec"]): readonly string[] {
  if (policyTypes !== undefined) return policyTypes;
  return egress === undefined || egress.length === 0 ? ["Ingress"] : ["Ingress", "Egress"];
}

function isPeer({ ipBlock, podSelector, namespaceSelector }: Peer, pod: Pod, home: string, cluster: Cluster): boolean {
  if (ipBlock !== undefined) {
    return isInside(pod.address, ipBlock.cidr) && !(ipBlock.except ?? []).some((hole) => isInside(pod.address, hole));
  }
  const isThere =
    namespaceSelector === undefined
      ? pod.namespace === home
      : selects(namespaceSelector, cluster.namespaces[pod.namespace] ?? {});
  return isThere && (podSelector === undefined || selects(podSelector, pod.labels));
}

function isPort({ protocol = "TCP", port, endPort }: Port, target: Target): boolean {
  if (protocol !== target.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === "number") return target.number >= port && target.number <= (endPort ?? port);
  return target.owner.ports.some(
    (own) => own.name === port && own.protocol === target.protocol && own.port === target.number,
  );
}

function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Readonly<Record<string, string>>,
): boolean {
  const isEqual = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return isEqual && matchExpressions.every(({ key, operator, values = [] }) => HOLDS[operator](labels[key], values));
}

type Operator = NonNullable<Selector["matchExpressions"]>[number]["operator"];

const HOLDS: Readonly<Record<Operator, (value: string | undefined, values: readonly string[]) => boolean>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

/** IPv4 alone. */
function isInside(address: string, network: string): boolean {
  const [base = "", length = "32"] = network.split("/");
  const size = 2 ** (32 - Number(length));
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(base) / size);
}

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
