import type { PolicyModel } from "../model/model.ts";
import { comparePolicies } from "../model/order.ts";
import { Protocol } from "../model/packet.ts";
import type { Direction, Policy } from "../model/policy.ts";
import type { Action, End, Rule } from "../model/rule.ts";
import { ANY_END } from "../read/end.ts";
import { peerRule } from "../read/rule.ts";
import { describeRule } from "../verdict/describe-rule.ts";
import { labelsIn } from "../verdict/labels.ts";
import { isChosen, isNodeChosen } from "./chosen.ts";
import { covers, coversSelector } from "./covers.ts";
import type { LintFinding } from "./finding.ts";

type Found = Omit<LintFinding, "resource">;

/** What is to be said of the rules of one policy. */
export function* lintRules(policy: Policy, model: PolicyModel): Iterable<LintFinding> {
  for (const direction of ["ingress", "egress"] as const) {
    const rules = whole(policy[direction]);
    const ahead = aheadOf(policy, direction, model);
    for (const [index, rule] of rules.entries()) {
      for (const found of [
        ...neverMatches(rule),
        ...shadowed(rule, rules.slice(0, index), ahead),
        ...wideOpen(rule, direction),
        ...ENDS.flatMap((side) => [...lintEnd(rule, side, model)]),
      ]) {
        yield { resource: policy.resource, ...found };
      }
    }
  }
}

const ENDS = ["source", "destination"] as const;

function* neverMatches(rule: Rule): Iterable<Found> {
  const why = contradiction(rule);
  if (why === undefined) return;
  const { field } = rule;
  const what = `the rule never matches: ${why}`;
  const fix = "correct what contradicts itself, or take the rule out";
  yield { code: "never-matches", severity: "warning", field, what, why: `nothing is ${DONE[rule.action]} by it`, fix };
}

function contradiction({ ipVersion, protocol, notProtocol, source, destination }: Rule): string | undefined {
  if (protocol !== undefined && protocol === notProtocol) return "its protocol is the one that it leaves out";
  if (protocol === Protocol.icmp && ipVersion === 6) return "ICMP is of IPv4, and the rule of IPv6";
  if (protocol === Protocol.icmpv6 && ipVersion === 4) return "ICMPv6 is of IPv6, and the rule of IPv4";
  for (const [name, { networks, notNetworks, ports, notPorts }] of Object.entries({ source, destination })) {
    const isHole = networks.length > 0 && networks.every((one) => notNetworks.some((hole) => hole.covers(one)));
    if (isHole || notNetworks.some(({ length }) => length === 0)) return `it leaves out all networks of its ${name}`;
    const isClosed = ports.every((port) =>
      notPorts.some(
        (hole) => hole.kind === "range" && port.kind === "range" && hole.first <= port.first && port.last <= hole.last,
      ),
    );
    if (ports.length > 0 && isClosed) return `it leaves out all ports of its ${name}`;
  }
  return undefined;
}

function whole(rules: readonly Rule[]): readonly Rule[] {
  return rules.filter(({ broken, closed }) => broken === undefined && closed === undefined);
}

/** A rule of a policy that is asked before, about all that this one is asked about. */
interface Ahead {
  readonly policy: Policy;
  readonly rule: Rule;
}

function aheadOf(policy: Policy, direction: Direction, { policies }: PolicyModel): readonly Ahead[] {
  if (!policy.directions.includes(direction) || isAside(policy)) return [];
  const earlier = policies
    .filter((other) => other.tier === policy.tier && other.staged === undefined && !isAside(other))
    .filter((other) => comparePolicies(other, policy) < 0 && other.directions.includes(direction))
    .filter(
      (other) => (other.applyOnForward || !policy.applyOnForward) && coversSelector(other.selector, policy.selector),
    );
  return earlier
    .sort(comparePolicies)
    .flatMap((other) => whole(other[direction]).map((rule) => ({ policy: other, rule })));
}

/** At a stage of its own. */
function isAside({ untracked, preDnat }: Policy): boolean {
  return untracked || preDnat;
}

/** By one before it, in its policy or in one that comes first. Only a rule that decides can stand before another. */
function* shadowed(rule: Rule, earlier: readonly Rule[], ahead: readonly Ahead[]): Iterable<Found> {
  if (rule.action === "log") return;
  const first = earlier.find((each) => each.action !== "log" && covers(each, rule));
  const other = ahead.find((each) => each.rule.action !== "log" && covers(each.rule, rule));
  const { field } = rule;
  // Policies that allow the same are nothing to wonder at: they are written by different people.
  const shadow = other !== undefined && other.rule.action !== rule.action ? other.rule : first;
  if (shadow === undefined) return;
  const place = shadow === first ? first.field : `${shadow.field} of ${other?.policy.id}`;
  const isSame = shadow.action === rule.action;
  yield {
    code: isSame ? "repeats" : "shadowed",
    severity: isSame ? "hint" : "warning",
    field,
    what: `what the rule matches is ${DONE[shadow.action]} by ${place} before it (${describeRule(shadow)})`,
    why: isSame ? "it changes nothing" : `it is never reached: nothing is ${DONE[rule.action]} by it`,
    fix: isSame ? "take it out" : `put it before ${place}, or narrow that one`,
  };
}

const DONE: Readonly<Record<Action, string>> = { allow: "allowed", deny: "denied", pass: "passed on", log: "logged" };

/** What few mean by an allowance: the whole world, or all of it but something. An empty peer is everybody, not nobody. */
function* wideOpen(rule: Rule, direction: Direction): Iterable<Found> {
  const far = direction === "ingress" ? rule.source : rule.destination;
  const names = far.networks.length > 0 || [far.selector, far.nodes, far.service].some((given) => given !== undefined);
  if (rule.action !== "allow" || names) return;
  const leavesOut = far.notNetworks.length > 0 || far.notSelector !== undefined;
  const isEverything = direction === "ingress" && covers(rule, EVERYTHING);
  if (!leavesOut && !isEverything) return;
  const whom = leavesOut ? `everybody but what it leaves out (${describeRule(rule)})` : "everybody: it names no peer";
  yield {
    code: "wide-open",
    severity: "hint",
    field: rule.field,
    what: `it allows ${whom}, also what is outside of the cluster`,
    why: "what is in no selector and no network is allowed",
    fix: "add nets or a selector that says who is meant; selector: all() stands for all endpoints",
  };
}

const EVERYTHING = peerRule("allow", "ingress", ANY_END, undefined, [], "");

/** Which things a rule names that are not there: as likely a slip of the pen as something still to come. */
function* lintEnd(rule: Rule, side: (typeof ENDS)[number], model: PolicyModel): Iterable<Found> {
  const end = rule[side];
  const field = `${rule.field}.${side}`;
  const common = { severity: "hint", field } as const;
  if (end.selector !== undefined && !isChosen(end.selector, model)) {
    const what = `${end.selector.text} chooses no endpoint and no set of networks`;
    const fix = "look at the labels there are: ocicat get workloadendpoints -A --show-labels";
    yield { ...common, code: "selects-nothing", what, why: "the rule matches nothing for now", fix };
  }
  if (end.nodes !== undefined && !isNodeChosen(end.nodes, model)) {
    const what = `${end.nodes.text} chooses no node`;
    const fix = "look at the labels there are: ocicat get nodes --show-labels";
    yield { ...common, code: "selects-nothing", what, why: "the rule matches nothing for now", fix };
  }
  for (const name of missingPorts(rule, end, model)) {
    const what = `none of the endpoints that it can be about calls a port ${name}`;
    const fix = "name the port in the workloads, or give its number";
    yield { ...common, code: "no-such-port", what, why: "no port is matched by this name for now", fix };
  }
  const { service } = end;
  if (service === undefined) return;
  if (model.services.some(({ namespace, name }) => namespace === service.namespace && name === service.name)) return;
  const what = `there is no service ${service.namespace}/${service.name}`;
  yield { ...common, code: "no-such-service", what, why: "the rule matches nothing for now", fix: "correct its name" };
}

/** Names of ports that no endpoint which the end can be about has. */
function missingPorts({ protocol }: Rule, { ports, notPorts, selector }: End, model: PolicyModel): readonly string[] {
  const chosen = model.endpoints.filter((endpoint) => selector?.matches(labelsIn(endpoint, model)) ?? true);
  const known = chosen.flatMap((endpoint) =>
    endpoint.ports.filter((port) => protocol === undefined || port.protocol === protocol).map(({ name }) => name),
  );
  return [...ports, ...notPorts].flatMap((port) =>
    port.kind === "name" && !known.includes(port.name) ? [port.name] : [],
  );
}
