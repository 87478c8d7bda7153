import { formatAddress } from "@ocicat/net";
import type { Endpoint } from "../model/endpoint.ts";
import { hasPorts, type Packet } from "../model/packet.ts";
import type { PolicyId, Stage } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";
import { describeRule, protocolName } from "./describe-rule.ts";
import type { FixedReason, PolicyStep, ProfileStep, Step, Verdict, Walk } from "./walk.ts";

export interface DescribeOptions {
  /** Where a rule is written, for people: `policies.yaml:12`. */
  readonly placeOf?: (policy: PolicyId, field: string) => string | undefined;
}

/** `TCP 10.0.0.2:40000 -> 10.0.0.1:80`. */
export function describePacket({ source, destination, protocol, sourcePort, destinationPort, icmp }: Packet): string {
  const end = (address: Packet["source"], port: number | undefined) => {
    if (port === undefined || !hasPorts(protocol)) return formatAddress(address);
    return typeof address === "number" ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
  };
  const detail = icmp === undefined ? "" : ` type ${icmp.type} code ${icmp.code}`;
  return `${protocolName(protocol)}${detail} ${end(source, sourcePort)} -> ${end(destination, destinationPort)}`;
}

/** Both sides, and what comes of them. Lines without a line's end. */
export function describeVerdict(
  { allowed, egress, ingress }: Verdict,
  options: DescribeOptions = {},
): readonly string[] {
  const sides = [egress, ingress].flatMap((walk) => (walk === undefined ? [] : describeWalk(walk, options)));
  const nobody = egress === undefined && ingress === undefined ? ["no endpoint's policies are asked"] : [];
  return [...sides, ...nobody, allowed ? "allowed" : "denied"];
}

/**
 * One side, step for step:
 *
 *     ingress of default/web: denied
 *       tier security: GlobalNetworkPolicy block-bad: spec.ingress[1] (policies.yaml:12): Pass everything
 *       tier default: NetworkPolicy default/allow-web: no rule matches
 *       tier default: denied at its end, for policies of it apply and no rule decides
 */
export function describeWalk(walk: Walk, options: DescribeOptions = {}): readonly string[] {
  const lines: string[] = [];
  let at = "";
  for (const step of walk.steps) {
    const heading = `${step.direction} of ${nameOf(step.endpoint)}${STAGES[step.stage]}`;
    if (heading !== at) lines.push(`${heading}: ${outcomeAt(walk, step)}`);
    at = heading;
    lines.push(...describeStep(step, options).map((line) => `  ${line}`));
  }
  return lines;
}

const STAGES: Readonly<Record<Stage, string>> = {
  normal: "",
  untracked: ", before connections are tracked",
  preDnat: ", before destinations are translated",
  forward: ", forwarding",
};

/** What came of the endpoint and stage that a step belongs to. */
function outcomeAt({ steps }: Walk, { endpoint, direction, stage }: Step): string {
  const last = steps.findLast(
    (step) => step.endpoint === endpoint && step.direction === direction && step.stage === stage,
  );
  return OUTCOMES[last?.outcome ?? "next"];
}

const OUTCOMES = { allow: "allowed", deny: "denied", next: "nothing decided" } as const;

/** `default/web`, `node1's host endpoint node1-eth0`. */
function nameOf(endpoint: Endpoint): string {
  if (endpoint.kind === "workload") return endpoint.workload;
  return `${endpoint.node}'s host endpoint ${endpoint.id}`;
}

function describeStep(step: Step, options: DescribeOptions): readonly string[] {
  switch (step.kind) {
    case "policy":
      return describePolicy(step, options);
    case "tier":
      return [
        step.outcome === "deny"
          ? `tier ${step.tier}: denied at its end, for policies of it apply and no rule decides`
          : `tier ${step.tier}: passed on at its end`,
      ];
    case "profile":
      return [`profile ${step.profile}: ${describeProfile(step)}`];
    case "fixed":
      return [REASONS[step.reason](OUTCOMES[step.outcome])];
  }
}

function describePolicy(step: PolicyStep, { placeOf }: DescribeOptions): readonly string[] {
  const { tier, policy, rule, logged, staged, would } = step;
  const where = (of: Rule) => {
    const place = placeOf?.(policy, of.field);
    return `${of.field}${place === undefined ? "" : ` (${place})`}`;
  };
  const head = `tier ${tier}: ${policy}`;
  const logs = logged.map((of) => `${head}: ${where(of)} writes to the log`);
  if (staged === "ignore") return [`${head}: staged to be ignored`];
  if (staged === "delete") return [`${head}: staged, would take the policy of its name away`];
  const what = rule === undefined ? "no rule matches" : `${where(rule)}: ${describeRule(rule)}`;
  return [...logs, staged === undefined ? `${head}: ${what}` : `${head}: staged, would ${WOULD[would]}: ${what}`];
}

const WOULD: Readonly<Record<PolicyStep["would"], string>> = {
  allow: "allow",
  deny: "deny",
  pass: "pass",
  next: "decide nothing",
};

function describeProfile({ rule, missing }: ProfileStep): string {
  if (missing) return "does not exist, and allows nothing";
  return rule === undefined ? "no rule matches" : `${rule.field}: ${describeRule(rule)}`;
}

const REASONS: Readonly<Record<FixedReason, (outcome: string) => string>> = {
  "no profile": (outcome) => `${outcome}: no policy decides, and no profile allows it`,
  failsafe: (outcome) => `failsafe port: ${outcome === OUTCOMES.next ? "policies are not asked here" : outcome}`,
  "nothing on forward": () => "no policy with applyOnForward applies",
  "own workload": (outcome) => `${outcome}: a node always reaches its own workloads`,
  "endpoint to host": (outcome) => `workload to its own node, by defaultEndpointToHostAction: ${outcome}`,
  "tunnel from workload": (outcome) => `${outcome}: a workload may not send packets of a tunnel`,
  "neighbour discovery": (outcome) => `${outcome}: neighbour discovery to the node`,
};
