import { parsePrefix } from "@ocicat/net";
import type { Rule } from "../../define-kind.ts";
import type { Problem } from "../../problem.ts";
import type { Resource } from "../../resource.ts";
import { checkLabelKey, checkLabelValue } from "../../schema/index.ts";
import type { LabelSelector, Peer, PolicyPort } from "./kubernetes.ts";

/** What has rules in Kubernetes' form. */
type KubernetesPolicy = Resource<{
  readonly podSelector: LabelSelector;
  readonly ingress?: readonly { readonly ports?: readonly PolicyPort[]; readonly from?: readonly Peer[] }[];
  readonly egress?: readonly { readonly ports?: readonly PolicyPort[]; readonly to?: readonly Peer[] }[];
}>;

export const KUBERNETES_RULES: Readonly<Record<string, Rule<KubernetesPolicy>>> = {
  "A condition on a label has values with In and NotIn, and none else.": checkSelectors,
  "A peer is pods, or a network.": checkPeers,
  "A range of ports begins with a number, and does not end before it.": checkPorts,
};

/** Every rule of a policy with its path; peers are what Kubernetes calls from and to. */
function* rulesOf({ spec }: KubernetesPolicy) {
  for (const [index, { from = [], ports = [] }] of (spec.ingress ?? []).entries()) {
    yield { path: `spec.ingress[${index}]`, peers: from, side: "from", ports };
  }
  for (const [index, { to = [], ports = [] }] of (spec.egress ?? []).entries()) {
    yield { path: `spec.egress[${index}]`, peers: to, side: "to", ports };
  }
}

function* peersOf(policy: KubernetesPolicy): Iterable<readonly [path: string, peer: Peer]> {
  for (const { path, peers, side } of rulesOf(policy)) {
    for (const [index, peer] of peers.entries()) yield [`${path}.${side}[${index}]`, peer];
  }
}

function* checkSelectors(policy: KubernetesPolicy): Iterable<Problem> {
  yield* checkSelector(policy.spec.podSelector, "spec.podSelector");
  for (const [path, peer] of peersOf(policy)) {
    for (const name of ["podSelector", "namespaceSelector"] as const) {
      yield* checkSelector(peer[name] ?? {}, `${path}.${name}`);
    }
  }
}

function* checkSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector, path: string): Iterable<Problem> {
  for (const [key, value] of Object.entries(matchLabels)) {
    for (const checked of [checkLabelKey(key), checkLabelValue(value)]) {
      if (checked.ok) continue;
      const field = `${path}.matchLabels["${key}"]`;
      yield { field, value, rule: checked.rule, message: checked.message ?? "is refused" };
    }
  }
  for (const [index, { operator, values = [] }] of matchExpressions.entries()) {
    const wants = operator === "In" || operator === "NotIn";
    if (wants === values.length > 0) continue;
    const field = `${path}.matchExpressions[${index}].values`;
    yield {
      field,
      value: values,
      rule: "values",
      message: wants ? `is empty; ${operator} needs one` : `is not for ${operator}`,
    };
  }
}

function* checkPeers(policy: KubernetesPolicy): Iterable<Problem> {
  for (const [path, peer] of peersOf(policy)) {
    const { podSelector, namespaceSelector, ipBlock } = peer;
    const isPods = podSelector !== undefined || namespaceSelector !== undefined;
    if (isPods === (ipBlock !== undefined)) {
      const message = "has to be pods by podSelector or namespaceSelector, or addresses by ipBlock";
      yield { field: path, value: peer, rule: "peer", message };
    }
    for (const [index, network] of (ipBlock?.except ?? []).entries()) {
      if (networkOf(ipBlock?.cidr ?? "").covers(networkOf(network))) continue;
      const message = `is not inside ${ipBlock?.cidr}`;
      yield { field: `${path}.ipBlock.except[${index}]`, value: network, rule: "except", message };
    }
  }
}

function* checkPorts(policy: KubernetesPolicy): Iterable<Problem> {
  for (const { path, ports } of rulesOf(policy)) {
    for (const [index, { port, endPort }] of ports.entries()) {
      if (endPort === undefined || (typeof port === "number" && port <= endPort)) continue;
      const message = `does not end a range that begins with ${port ?? "no port"}`;
      yield { field: `${path}.ports[${index}].endPort`, value: endPort, rule: "port-range", message };
    }
  }
}

/** Kubernetes takes bits beyond a length for nothing. */
function networkOf(text: string) {
  return parsePrefix(text, { hostBits: "clear" });
}
