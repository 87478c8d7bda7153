import {
  DEFAULT_TIER,
  isObject,
  type KubernetesPeer,
  type KubernetesPort,
  kubernetesEgressRule,
  kubernetesIngressRule,
  type LabelSelector,
  labelSelector,
  readValue,
  selectorOf,
} from "@ocicat/api";
import type { Direction, Policy } from "../model/policy.ts";
import type { End, Rule } from "../model/rule.ts";
import { ANY_END, readPort } from "./end.ts";
import { closedPolicy, type Identity, identityOf } from "./identity.ts";
import { IS_POD, inNamespacesWith, podsWith } from "./label-selector.ts";
import { readNetwork } from "./network.ts";
import { protocolNumber } from "./protocol.ts";
import { brokenRule, checked, peerRule, reasonOf } from "./rule.ts";
import { allOf, isLabel, NAMESPACE_LABEL } from "./selectors.ts";

/** All of Kubernetes' policies come together among those of Calico in the default tier. */
const ORDER = 1000;

export const KUBERNETES_POLICY = "KubernetesNetworkPolicy";

interface KubernetesRule {
  readonly ports?: readonly KubernetesPort[];
  readonly from?: readonly KubernetesPeer[];
  readonly to?: readonly KubernetesPeer[];
}

/** The spec of a NetworkPolicy of networking.k8s.io/v1, each rule for itself: read, or the reason why it is not. */
interface KubernetesSpec {
  readonly podSelector: LabelSelector;
  readonly policyTypes: readonly ("Ingress" | "Egress")[];
  readonly ingress: readonly (KubernetesRule | string)[];
  readonly egress: readonly (KubernetesRule | string)[];
}

/**
 * A Kubernetes NetworkPolicy (networking.k8s.io/v1), whatever it is. A rule that cannot be read allows nothing; a policy that
 * cannot be read closes what it chooses, or its whole namespace. Never throws.
 */
export function readKubernetesPolicy(document: unknown): Policy {
  const metadata = isObject(document) && isObject(document.metadata) ? document.metadata : {};
  const namespace = typeof metadata.namespace === "string" ? metadata.namespace : "default";
  const identity = identityOf(KUBERNETES_POLICY, namespace, typeof metadata.name === "string" ? metadata.name : "");
  try {
    return kubernetesPolicy(identity, readSpec(isObject(document) ? document.spec : undefined));
  } catch (error) {
    const selector = selectorOf(allOf(IS_POD, isLabel(NAMESPACE_LABEL, namespace)));
    return closedPolicy(identity, { tier: DEFAULT_TIER, selector }, reasonOf(error));
  }
}

/** A policy of the model from one whose shape is known. Throws RangeError where its pods cannot be chosen. */
export function kubernetesPolicy(identity: Identity, spec: KubernetesSpec): Policy {
  const { namespace = "default" } = identity;
  const { podSelector, policyTypes, ingress, egress } = spec;
  return {
    ...identity,
    tier: DEFAULT_TIER,
    order: ORDER,
    selector: selectorOf(allOf(podsWith(podSelector), isLabel(NAMESPACE_LABEL, namespace))),
    directions: directionsOf(policyTypes, egress.length > 0),
    ingress: readRules(ingress, namespace, "ingress"),
    egress: readRules(egress, namespace, "egress"),
    untracked: false,
    preDnat: false,
    applyOnForward: true,
    staged: undefined,
    neededEverywhere: false,
  };
}

/** Unless told: ingress, and egress if there are rules for it. */
function directionsOf(types: readonly ("Ingress" | "Egress")[], hasEgress: boolean): readonly Direction[] {
  if (types.length === 0) return hasEgress ? ["ingress", "egress"] : ["ingress"];
  return [
    ...(types.includes("Ingress") ? (["ingress"] as const) : []),
    ...(types.includes("Egress") ? (["egress"] as const) : []),
  ];
}

/** Throws RangeError on what says which pods it is for, or in which directions, and cannot be read. */
export function readSpec(spec: unknown): KubernetesSpec {
  if (!isObject(spec)) throw new RangeError("it has no spec");
  const selector = readValue(labelSelector, spec.podSelector ?? {}, "strict", "spec.podSelector");
  if (!selector.ok)
    throw new RangeError(selector.problems.map(({ field, message }) => `${field} ${message}`).join("; "));
  return {
    podSelector: selector.value,
    policyTypes: listOf(spec.policyTypes, "spec.policyTypes").map((type) => {
      if (type === "Ingress" || type === "Egress") return type;
      throw new RangeError("spec.policyTypes has something that is neither Ingress nor Egress");
    }),
    ingress: listOf(spec.ingress, "spec.ingress").map((rule) => checked(kubernetesIngressRule, rule)),
    egress: listOf(spec.egress, "spec.egress").map((rule) => checked(kubernetesEgressRule, rule)),
  };
}

function listOf(value: unknown, field: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new RangeError(`${field} is not a list`);
}

function readRules(
  rules: readonly (KubernetesRule | string)[],
  namespace: string,
  direction: Direction,
): readonly Rule[] {
  return rules.flatMap((rule, index) => {
    const field = `spec.${direction}[${index}]`;
    if (typeof rule === "string") return [brokenRule("allow", field, rule)];
    try {
      return rulesOf(rule, namespace, direction, field);
    } catch (error) {
      return [brokenRule("allow", field, reasonOf(error))];
    }
  });
}

/** One rule for each peer and protocol: a rule of the model is of one protocol, and has one selector. */
function rulesOf(rule: KubernetesRule, namespace: string, direction: Direction, field: string): readonly Rule[] {
  const side = direction === "ingress" ? "from" : "to";
  const peers = rule[side] ?? [];
  const ends =
    peers.length === 0
      ? [{ end: ANY_END, at: field }]
      : peers.map((peer, index) => ({ end: readPeer(peer, namespace), at: `${field}.${side}[${index}]` }));
  return ends.flatMap(({ end, at }) =>
    portsByProtocol(rule.ports ?? []).map(({ protocol, ports }) =>
      peerRule("allow", direction, end, protocol, ports, at),
    ),
  );
}

function readPeer({ podSelector, namespaceSelector, ipBlock }: KubernetesPeer, namespace: string): End {
  const isPods = podSelector !== undefined || namespaceSelector !== undefined;
  if (isPods === (ipBlock !== undefined))
    throw new RangeError("a peer is pods or an ipBlock, and has to be one of them");
  if (ipBlock !== undefined) {
    const networks = [readNetwork(ipBlock.cidr)];
    return { ...ANY_END, networks, notNetworks: (ipBlock.except ?? []).map(readNetwork) };
  }
  const scope =
    namespaceSelector === undefined ? isLabel(NAMESPACE_LABEL, namespace) : inNamespacesWith(namespaceSelector);
  return { ...ANY_END, selector: selectorOf(allOf(scope, podsWith(podSelector))) };
}

interface PortsOfProtocol {
  readonly protocol: number | undefined;
  readonly ports: End["ports"];
}

/** No ports are all ports of all protocols; a protocol without a port is all of its ports, whatever else names it. */
function portsByProtocol(ports: readonly KubernetesPort[]): readonly PortsOfProtocol[] {
  if (ports.length === 0) return [{ protocol: undefined, ports: [] }];
  const byProtocol = Map.groupBy(ports, ({ protocol = "TCP" }) => protocol);
  return Array.from(byProtocol, ([name, some]) => ({
    protocol: protocolNumber(name),
    ports: some.some(({ port }) => port === undefined) ? [] : some.map(readPortRange),
  }));
}

function readPortRange({ port, endPort }: KubernetesPort): End["ports"][number] {
  if (endPort === undefined) return readPort(port ?? "");
  if (typeof port !== "number" || port > endPort) {
    throw new RangeError(`a range of ports that begins with ${port ?? "none"} cannot end with ${endPort}`);
  }
  return { kind: "range", first: port, last: endPort };
}
