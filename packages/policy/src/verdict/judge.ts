import type { Endpoint } from "../model/endpoint.ts";
import type { Failsafe, PolicyModel } from "../model/model.ts";
import { comparePolicies, compareTiers, missingTier } from "../model/order.ts";
import { type Packet, Protocol } from "../model/packet.ts";
import type { Direction, Policy, Stage, Tier } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";
import { stagesOf } from "../model/stages.ts";
import { labelsIn } from "./labels.ts";
import { ruleMatches } from "./match.ts";
import { stagedFor } from "./staged.ts";
import type { FixedReason, Outcome, PolicyStep, ProfileStep, Step, Walk } from "./walk.ts";

/** What is asked about one endpoint. */
export interface Question {
  readonly packet: Packet;
  readonly endpoint: Endpoint;
  readonly direction: Direction;
  readonly stage: Stage;
}

/**
 * What the policies of one endpoint say to a packet at one stage: the tiers, then the profiles. The last step's outcome is
 * the answer; `next` after the last step means that this stage decided nothing, which only those of host endpoints can.
 */
export function judge(question: Question, model: PolicyModel): readonly Step[] {
  return upToDecision(stepsOf(question, model));
}

/** The steps up to the one that decided. */
export function upToDecision(steps: Iterable<Step>): readonly Step[] {
  const taken: Step[] = [];
  for (const step of steps) {
    taken.push(step);
    if (step.outcome !== "next") break;
  }
  return taken;
}

export function outcomeOf(steps: readonly Step[]): Outcome {
  return steps.at(-1)?.outcome ?? "next";
}

export function walkOf(direction: Direction, steps: readonly Step[]): Walk {
  return { direction, allowed: outcomeOf(steps) !== "deny", steps };
}

export function fixed(
  { endpoint, direction, stage }: Omit<Question, "packet">,
  reason: FixedReason,
  outcome: Outcome,
): Step {
  return { kind: "fixed", endpoint, direction, stage, reason, outcome };
}

function* stepsOf(question: Question, model: PolicyModel): Iterable<Step> {
  const { endpoint, stage } = question;
  const applying = model.policies.filter((policy) => applies(policy, question, model)).sort(comparePolicies);
  if (endpoint.kind === "host" && stage !== "forward" && isFailsafe(question, model)) {
    // Before connections are tracked and destinations translated it is only spared: the normal stage lets it pass.
    if (stage === "normal") yield fixed(question, "failsafe", "allow");
    else if (applying.length > 0) yield fixed(question, "failsafe", "next");
    return;
  }
  if (isTunnelOfWorkload(question, model)) yield fixed(question, "tunnel from workload", "deny");
  for (const tier of tiersOf(applying, model)) {
    yield* tierSteps(
      tier,
      applying.filter((policy) => policy.tier === tier.name),
      question,
      model,
    );
  }
  if (stage === "forward" && applying.every(({ staged }) => staged !== undefined)) {
    yield fixed(question, "nothing on forward", "next");
  }
  if (stage === "normal") yield* profileSteps(question, model);
}

/** Whether a policy, in force or staged, has something to say to the question. One staged to be deleted: where that one has. */
function applies(policy: Policy, question: Question, model: PolicyModel): boolean {
  const { endpoint, direction, stage } = question;
  if (policy.staged === "delete") {
    const targets = stagedFor(policy);
    return model.policies.some((target) => targets.includes(target.id) && applies(target, question, model));
  }
  const directions = stagesOf(policy, endpoint.kind).get(stage) ?? [];
  return directions.includes(direction) && policy.selector.matches(labelsIn(endpoint, model));
}

/** Those that the policies are in, in order. */
function tiersOf(policies: readonly Policy[], model: PolicyModel): readonly Tier[] {
  const names = new Set(policies.map(({ tier }) => tier));
  return Array.from(names, (name) => model.tiers.find((tier) => tier.name === name) ?? missingTier(name)).sort(
    compareTiers,
  );
}

/** Policy for policy, until one decides or passes; then what the tier does with what none of those in force decided. */
function* tierSteps(tier: Tier, policies: readonly Policy[], question: Question, model: PolicyModel): Iterable<Step> {
  for (const policy of policies) {
    const step = policyStep(tier, policy, question, model);
    yield step;
    if (step.staged === undefined && step.would === "pass") return;
  }
  const { endpoint, direction, stage } = question;
  if (policies.every(({ staged }) => staged !== undefined)) return;
  // Before connections are tracked and destinations translated a tier closes nothing: the normal stage is still to come.
  const closes = tier.defaultAction === "deny" && (stage === "normal" || stage === "forward");
  yield { kind: "tier", tier: tier.name, endpoint, direction, stage, outcome: closes ? "deny" : "next" };
}

function policyStep(tier: Tier, policy: Policy, question: Question, model: PolicyModel): PolicyStep {
  const { endpoint, stage, direction, packet } = question;
  const { rule, logged } = firstMatch(policy.staged === "ignore" ? [] : policy[direction], packet, model);
  const would = rule === undefined || rule.action === "log" ? "next" : rule.action;
  return {
    kind: "policy",
    endpoint,
    direction,
    stage,
    tier: tier.name,
    policy: policy.id,
    rule,
    logged,
    staged: policy.staged,
    would,
    outcome: policy.staged === undefined && would !== "pass" ? would : "next",
  };
}

/** Profile for profile: one that passes, or says nothing, leaves it to the next. */
function* profileSteps(question: Question, model: PolicyModel): Iterable<Step> {
  const { endpoint, stage, direction, packet } = question;
  for (const name of endpoint.profiles) {
    const profile = model.profiles.find((candidate) => candidate.name === name);
    const { rule } = firstMatch(profile?.[direction] ?? [], packet, model);
    const outcome = rule?.action === "allow" || rule?.action === "deny" ? rule.action : "next";
    const step: ProfileStep = {
      kind: "profile",
      endpoint,
      direction,
      stage,
      profile: name,
      rule,
      missing: profile === undefined,
      outcome,
    };
    yield step;
  }
  yield fixed(question, "no profile", "deny");
}

/** The first rule that matches and does more than log, and those before it that log. */
function firstMatch(
  rules: readonly Rule[],
  packet: Packet,
  model: PolicyModel,
): { readonly rule: Rule | undefined; readonly logged: readonly Rule[] } {
  const matching = rules.filter((rule) => ruleMatches(rule, packet, model));
  const first = matching.findIndex(({ action }) => action !== "log");
  return { rule: matching[first], logged: first < 0 ? matching : matching.slice(0, first) };
}

/** Before connections are tracked an answer is known only by the port it comes from: it is spared where what it answers is. */
function isFailsafe({ packet, direction, stage }: Question, { settings }: PolicyModel): boolean {
  const [own, others] =
    direction === "ingress"
      ? [settings.failsafeInbound, settings.failsafeOutbound]
      : [settings.failsafeOutbound, settings.failsafeInbound];
  const far = direction === "ingress" ? packet.source : packet.destination;
  const holds = (failsafes: readonly Failsafe[], at: number | undefined) =>
    failsafes.some(
      ({ protocol, port, network }) =>
        protocol === packet.protocol && port === at && (network === undefined || network.has(far)),
    );
  return holds(own, packet.destinationPort) || (stage === "untracked" && holds(others, packet.sourcePort));
}

/** A tunnel of its own would carry packets past its policies. */
function isTunnelOfWorkload({ packet, endpoint, direction }: Question, { settings }: PolicyModel): boolean {
  if (endpoint.kind !== "workload" || direction !== "egress") return false;
  const isVxlan = packet.protocol === Protocol.udp && packet.destinationPort === settings.vxlanPort;
  return (
    (isVxlan && !settings.allowVxlanFromWorkloads) ||
    (packet.protocol === Protocol.ipip && !settings.allowIpipFromWorkloads)
  );
}
