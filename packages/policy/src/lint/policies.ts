import { formatAddress } from "@ocicat/net";
import type { Endpoint } from "../model/endpoint.ts";
import type { PolicyModel } from "../model/model.ts";
import { comparePolicies, compareTiers } from "../model/order.ts";
import { Protocol } from "../model/packet.ts";
import type { Direction, Policy, Tier } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";
import { stagesOf } from "../model/stages.ts";
import { appliedTo, closes } from "./chosen.ts";
import type { LintFinding } from "./finding.ts";

const DIRECTIONS = ["ingress", "egress"] as const;

/** What is to be said of one policy among the others. */
export function* lintPolicy(policy: Policy, model: PolicyModel): Iterable<LintFinding> {
  if (policy.staged === "delete") return;
  const endpoints = appliedTo(policy, model);
  yield* appliesToNothing(policy, endpoints);
  yield* noEffect(policy, endpoints);
  yield* hostsToo(policy, endpoints);
  for (const direction of policy.directions) yield* logOnly(policy, direction);
  yield* orderTie(policy, endpoints, model);
  yield* noDns(policy, endpoints, model);
}

function* appliesToNothing(policy: Policy, endpoints: readonly Endpoint[]): Iterable<LintFinding> {
  if (endpoints.length > 0) return;
  yield {
    code: "applies-to-nothing",
    severity: "hint",
    resource: policy.resource,
    field: "spec.selector",
    what: `it applies to no endpoint: ${policy.selector.text} chooses none`,
    why: "it decides nothing for now",
    fix: "look at the labels there are: ocicat get workloadendpoints -A --show-labels",
  };
}

/** Untracked and preDNAT policies are for host endpoints, and for them alone. */
function* noEffect(policy: Policy, endpoints: readonly Endpoint[]): Iterable<LintFinding> {
  if (endpoints.length === 0 || endpoints.some(({ kind }) => stagesOf(policy, kind).size > 0)) return;
  const name = policy.untracked ? "doNotTrack" : "preDNAT";
  yield {
    code: "no-effect",
    severity: "warning",
    resource: policy.resource,
    field: `spec.${name}`,
    what: `${name} is for host endpoints, and it applies to workloads alone`,
    why: "it decides nothing",
    fix: `leave out ${name}, or select host endpoints`,
  };
}

/** A selector such as all() means the nodes themselves as soon as they have host endpoints. */
function* hostsToo(policy: Policy, endpoints: readonly Endpoint[]): Iterable<LintFinding> {
  const host = endpoints.find(({ kind }) => kind === "host");
  const workload = endpoints.find(({ kind }) => kind === "workload");
  if (host === undefined || workload === undefined || policy.unreadable !== undefined) return;
  yield {
    code: "hosts-too",
    severity: "warning",
    resource: policy.resource,
    field: "spec.selector",
    what: `it applies to nodes as to workloads: to host endpoint ${host.id} on ${host.node}, and ${endpoints.length - 1} others`,
    why: "what it does not allow, nodes do not get either, but for the failsafe ports",
    fix: "add has(projectcalico.org/namespace) to the selector if workloads are meant",
  };
}

/** Who logs in order to look on first is surprised that nothing passes any more. */
function* logOnly(policy: Policy, direction: Direction): Iterable<LintFinding> {
  const rules = policy[direction];
  if (rules.length === 0 || rules.some(({ action }) => action !== "log")) return;
  yield {
    code: "log-only",
    severity: "warning",
    resource: policy.resource,
    field: `spec.${direction}`,
    what: `its ${direction} rules only log`,
    why: "a policy closes what it applies to: once logged, everything is denied at the end of its tier",
    fix: "end the rules with action: Pass to look on, or with Allow",
  };
}

/** Which comes first is then decided by names, and changes when one is renamed. */
function* orderTie(policy: Policy, endpoints: readonly Endpoint[], model: PolicyModel): Iterable<LintFinding> {
  if (policy.staged !== undefined) return;
  for (const other of model.policies) {
    const isTie = other.tier === policy.tier && other.order === policy.order && other.staged === undefined;
    if (!isTie || comparePolicies(policy, other) >= 0) continue;
    const direction = policy.directions.find(
      (each) => other.directions.includes(each) && mayContradict(policy[each], other[each]),
    );
    const common = endpoints.find((endpoint) => appliedTo(other, { ...model, endpoints: [endpoint] }).length > 0);
    if (direction === undefined || common === undefined) continue;
    yield {
      code: "order-tie",
      severity: "hint",
      resource: policy.resource,
      field: "spec.order",
      what: `it has the order of ${other.id}, which applies to ${nameOf(common)} too and decides otherwise`,
      why: `that ${policy.id} comes first follows from the names alone`,
      fix: "give one of them another order",
    };
    return;
  }
}

function mayContradict(one: readonly Rule[], other: readonly Rule[]): boolean {
  const has = (rules: readonly Rule[], action: Rule["action"]) => rules.some((rule) => rule.action === action);
  return (has(one, "deny") && has(other, "allow")) || (has(one, "allow") && has(other, "deny"));
}

const DNS = 53;

/** Names are not found any more: the commonest surprise of a first egress policy. */
function* noDns(policy: Policy, endpoints: readonly Endpoint[], model: PolicyModel): Iterable<LintFinding> {
  if (policy.staged !== undefined || !policy.directions.includes("egress")) return;
  if (!policy.egress.some(({ action, broken }) => action === "allow" && broken === undefined)) return;
  const shut = endpoints.find(
    (endpoint) =>
      closes(policy, endpoint, "egress") &&
      !model.policies.some(
        (other) =>
          closes(other, endpoint, "egress") &&
          appliedTo(other, { ...model, endpoints: [endpoint] }).length > 0 &&
          other.egress.some(mayLetDnsOut),
      ),
  );
  if (shut === undefined) return;
  yield {
    code: "no-dns",
    severity: "warning",
    resource: policy.resource,
    field: "spec.egress",
    what: `it lets ${nameOf(shut)} send something, and no policy lets it ask for names (UDP port ${DNS})`,
    why: "what it is allowed to reach, it can reach by address only",
    fix: `allow UDP and TCP port ${DNS} to the cluster's DNS`,
  };
}

function mayLetDnsOut({ action, broken, protocol, notProtocol, destination, icmp }: Rule): boolean {
  const { ports, notPorts } = destination;
  return (
    (action === "allow" || action === "pass") &&
    broken === undefined &&
    icmp === undefined &&
    (protocol === undefined || protocol === Protocol.udp) &&
    notProtocol !== Protocol.udp &&
    (ports.length === 0 || ports.some((port) => port.kind === "name" || (port.first <= DNS && DNS <= port.last))) &&
    !notPorts.some((port) => port.kind === "range" && port.first <= DNS && DNS <= port.last)
  );
}

/** A tier before others in which nothing is allowed or passed on: those after it are never asked. */
export function* lintTier(tier: Tier, model: PolicyModel): Iterable<LintFinding> {
  if (tier.defaultAction === "pass") return;
  const inForce = model.policies.filter(({ staged }) => staged === undefined);
  const own = inForce.filter((policy) => policy.tier === tier.name);
  const later = model.tiers.filter((other) => compareTiers(tier, other) < 0).map(({ name }) => name);
  for (const direction of DIRECTIONS) {
    const closing = own.filter(({ directions }) => directions.includes(direction));
    const opens = closing.some((policy) =>
      policy[direction].some(({ action }) => action === "allow" || action === "pass"),
    );
    if (closing.length === 0 || opens) continue;
    const shut = inForce.find(
      (other) =>
        later.includes(other.tier) &&
        other.directions.includes(direction) &&
        appliedTo(other, model).some((endpoint) =>
          closing.some((policy) => appliedTo(policy, { ...model, endpoints: [endpoint] }).length > 0),
        ),
    );
    if (shut === undefined) continue;
    yield {
      code: "tier-closes",
      severity: "warning",
      resource: { kind: "Tier", name: tier.name },
      field: "spec.defaultAction",
      what: `none of its policies allows ${direction} or passes it on, and ${shut.id} comes after it`,
      why: `all ${direction} that its policies apply to is denied at its end: later tiers are never asked`,
      fix: "end its policies' rules with action: Pass, or give the tier defaultAction: Pass",
    };
  }
}

function nameOf(endpoint: Endpoint): string {
  const [address] = endpoint.addresses;
  const name = endpoint.kind === "workload" ? endpoint.workload : endpoint.id;
  return address === undefined ? name : `${name} (${formatAddress(address)})`;
}
