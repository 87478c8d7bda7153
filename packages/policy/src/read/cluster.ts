import {
  type ClusterPeer,
  type ClusterProtocol,
  type ClusterRule,
  clusterEgressRule,
  clusterIngressRule,
  clusterSubject,
  isObject,
  readValue,
  type SelectorNode,
  selectorOf,
} from "@ocicat/api";
import { Protocol } from "../model/packet.ts";
import type { Direction, Policy } from "../model/policy.ts";
import type { Action, End, PortMatch, Rule } from "../model/rule.ts";
import { ANY_END } from "./end.ts";
import { FieldReader } from "./fields.ts";
import { closedPolicy, identityOf } from "./identity.ts";
import { IS_POD, inNamespacesWith, nodesWith, podsWith } from "./label-selector.ts";
import { readNetwork } from "./network.ts";
import { brokenRule, checked, peerRule, reasonOf } from "./rule.ts";
import { allOf } from "./selectors.ts";

export const CLUSTER_POLICY = "KubernetesClusterNetworkPolicy";

const TIERS = { Admin: "kube-admin", Baseline: "kube-baseline" } as const;

const ACTIONS: Readonly<Record<ClusterRule["action"], Action>> = { Accept: "allow", Deny: "deny", Pass: "pass" };

/**
 * A ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2), whatever it is. A rule that cannot be read, or asks for what is
 * not matched here, allows nothing; where it denies or passes, it denies everything. Never throws.
 */
export function readClusterPolicy(document: unknown): Policy {
  const { metadata, spec } = isObject(document) ? document : {};
  const name = isObject(metadata) && typeof metadata.name === "string" ? metadata.name : "";
  const identity = identityOf(CLUSTER_POLICY, undefined, name);
  const fields = new FieldReader(spec);
  const tier = TIERS[fields.oneOf("tier", ["Admin", "Baseline"]) ?? missing(fields, "tier", "Admin")];
  const order = fields.number("priority") ?? missing(fields, "priority", 0);
  const subject = fields.attempt("subject", () => readSubject(isObject(spec) ? spec.subject : undefined)) ?? IS_POD;
  const rules = { ingress: rulesOf("ingress", fields), egress: rulesOf("egress", fields) };
  if (fields.problems.length > 0) {
    return closedPolicy(identity, { tier, selector: selectorOf(subject) }, fields.problems.join("; "));
  }
  return {
    ...identity,
    tier,
    order,
    selector: selectorOf(subject),
    // Its tiers pass on what no rule decides about, so that it closes no direction without rules.
    directions: (["ingress", "egress"] as const).filter((direction) => rules[direction].length > 0),
    ...rules,
    untracked: false,
    preDnat: false,
    applyOnForward: true,
    staged: undefined,
    neededEverywhere: false,
  };
}

function missing<T>(fields: FieldReader, name: string, instead: T): T {
  fields.refuse(name, "is missing");
  return instead;
}

/** Throws RangeError on what chooses no pods. */
function readSubject(given: unknown): SelectorNode {
  const subject = readValue(clusterSubject, given, "strict", "spec.subject");
  if (!subject.ok) throw new RangeError(subject.problems.map(({ field, message }) => `${field} ${message}`).join("; "));
  const { namespaces, pods } = subject.value;
  if ((namespaces === undefined) === (pods === undefined)) throw new RangeError("it is either namespaces or pods");
  return allOf(inNamespacesWith(namespaces ?? pods?.namespaceSelector ?? {}), podsWith(pods?.podSelector));
}

function rulesOf(direction: Direction, fields: FieldReader): readonly Rule[] {
  return (fields.list(direction) ?? []).flatMap((given, index) => {
    const field = `spec.${direction}[${index}]`;
    const rule = checked<ClusterRule>(direction === "ingress" ? clusterIngressRule : clusterEgressRule, given);
    if (typeof rule === "string") return [brokenRule(actionOf(given), field, rule)];
    try {
      return readRules(rule, direction, field);
    } catch (error) {
      return [brokenRule(ACTIONS[rule.action], field, reasonOf(error))];
    }
  });
}

/** One rule for each peer and protocol. */
function readRules(rule: ClusterRule, direction: Direction, field: string): readonly Rule[] {
  const side = direction === "ingress" ? "from" : "to";
  const peers = rule[side] ?? [];
  if (peers.length === 0) throw new RangeError(`it says nothing under ${side}`);
  const protocols = portsByProtocol(rule.protocols ?? []);
  return peers.flatMap((peer, index) => {
    const end = readPeer(peer);
    const at = `${field}.${side}[${index}]`;
    return protocols.map(({ protocol, ports }) => peerRule(ACTIONS[rule.action], direction, end, protocol, ports, at));
  });
}

function actionOf(rule: unknown): Action | undefined {
  const action = isObject(rule) ? rule.action : undefined;
  return Object.entries(ACTIONS).find(([name]) => name === action)?.[1];
}

/** Throws RangeError on a peer that is nothing, several things, or what is not matched. */
function readPeer({ namespaces, pods, networks, nodes, domainNames }: ClusterPeer): End {
  if (domainNames !== undefined) throw new RangeError("peers by domain names are not matched");
  const given = [namespaces, pods, networks, nodes].filter((way) => way !== undefined);
  if (given.length !== 1) throw new RangeError("a peer is namespaces, pods, networks or nodes, and one of them alone");
  if (nodes !== undefined) return { ...ANY_END, nodes: selectorOf(nodesWith(nodes)) };
  if (networks !== undefined) return { ...ANY_END, networks: networks.map(readNetwork) };
  const scope = inNamespacesWith(namespaces ?? pods?.namespaceSelector ?? {});
  return { ...ANY_END, selector: selectorOf(allOf(scope, podsWith(pods?.podSelector))) };
}

interface PortsOfProtocol {
  readonly protocol: number | undefined;
  readonly ports: readonly PortMatch[];
}

/** A name is a port of any protocol. */
function portsByProtocol(protocols: readonly ClusterProtocol[]): readonly PortsOfProtocol[] {
  if (protocols.length === 0) return [{ protocol: undefined, ports: [] }];
  return protocols.flatMap(({ destinationNamedPort, ...transports }): readonly PortsOfProtocol[] => {
    const given = Object.entries(transports);
    if (given.length + (destinationNamedPort === undefined ? 0 : 1) !== 1) {
      throw new RangeError("a protocol is tcp, udp, sctp or destinationNamedPort, and one of them alone");
    }
    if (destinationNamedPort !== undefined) {
      const named: PortMatch = { kind: "name", name: destinationNamedPort };
      return [Protocol.tcp, Protocol.udp, Protocol.sctp].map((protocol) => ({ protocol, ports: [named] }));
    }
    return (["tcp", "udp", "sctp"] as const).flatMap((name) => {
      const destination = transports[name];
      return destination === undefined
        ? []
        : [{ protocol: Protocol[name], ports: portsOf(destination.destinationPort) }];
    });
  });
}

type DestinationPort = NonNullable<ClusterProtocol["tcp"]>["destinationPort"];

function portsOf(port: DestinationPort): readonly PortMatch[] {
  if (port === undefined) return [];
  const { number, range } = port;
  if ((number === undefined) === (range === undefined)) throw new RangeError("a port is a number or a range");
  const [first, last] = range === undefined ? [number ?? 0, number ?? 0] : [range.start, range.end];
  if (first > last) throw new RangeError(`a range of ports that begins with ${first} cannot end with ${last}`);
  return [{ kind: "range", first, last }];
}
