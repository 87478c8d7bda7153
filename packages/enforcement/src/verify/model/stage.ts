import {
  compareTiers,
  type Direction,
  type Endpoint,
  type Failsafe,
  missingTier,
  type Policy,
  type PolicyModel,
  Protocol,
  type Rule,
  type Stage,
  type Tier,
} from "@ocicat/policy";
import type { Node } from "../space/diagram.ts";
import { dimension, rangeOf } from "../space/header.ts";
import { UNMARKED } from "../space/leaf.ts";
import type { Logic } from "../space/logic.ts";
import type { Members } from "./members.ts";
import { ruleMatch } from "./rule-match.ts";

/** What the model says about an endpoint's packets of one family, as diagrams: accept, drop, or next where nothing decides. */
export class Stages {
  readonly #model: PolicyModel;
  readonly #logic: Logic;
  readonly #members: Members;
  readonly #rules = new Map<readonly Rule[], Node>();
  readonly #tiers: readonly Tier[];

  constructor(model: PolicyModel, logic: Logic, members: Members) {
    this.#model = model;
    this.#logic = logic;
    this.#members = members;
    const known = new Set(model.tiers.map(({ name }) => name));
    const missing = new Set(model.policies.map(({ tier }) => tier).filter((name) => !known.has(name)));
    this.#tiers = [...model.tiers, ...[...missing].map(missingTier)].sort(compareTiers);
  }

  stage(endpoint: Endpoint, direction: Direction, stage: Stage): Node {
    const logic = this.#logic;
    const applying = this.#members.policiesOf(endpoint).filter((policy) => standsAt(policy, direction, stage));
    return logic.called(
      logic.sequence(
        this.#failsafes(endpoint, direction, stage),
        this.#tunnels(endpoint, direction),
        ...this.#tiers.map((tier) =>
          this.#tier(
            tier,
            applying.filter((policy) => policy.tier === tier.name),
            direction,
            stage,
          ),
        ),
        ...(stage === "normal" ? [...endpoint.profiles.map((name) => this.#profile(name, direction)), logic.drop] : []),
      ),
    );
  }

  /** A rule that passes returns from the tier; what no rule decides, the tier denies or hands on. */
  #tier(tier: Tier, policies: readonly Policy[], direction: Direction, stage: Stage): Node {
    const logic = this.#logic;
    if (policies.length === 0) return logic.goesOn;
    const closes = tier.defaultAction === "deny" && (stage === "normal" || stage === "forward");
    const rules = policies.map((policy) => this.#ruleList(policy[direction]));
    return logic.called(logic.sequence(...rules, closes ? logic.drop : logic.goesOn));
  }

  #profile(name: string, direction: Direction): Node {
    return this.#logic.called(this.#ruleList(this.#members.profile(name)?.[direction] ?? []));
  }

  #ruleList(rules: readonly Rule[]): Node {
    let node = this.#rules.get(rules);
    if (node === undefined) {
      node = this.#logic.sequence(...rules.map((rule) => this.#rule(rule)));
      this.#rules.set(rules, node);
    }
    return node;
  }

  #rule(rule: Rule): Node {
    const logic = this.#logic;
    const does = {
      allow: logic.accept,
      deny: logic.drop,
      pass: logic.returns(UNMARKED),
      log: logic.goesOn,
    };
    return logic.rule(ruleMatch(rule, logic, this.#members), does[rule.action]);
  }

  /** At the normal stage they allow; at those before it they spare from being judged. What a host forwards has none. */
  #failsafes(endpoint: Endpoint, direction: Direction, stage: Stage): Node {
    const logic = this.#logic;
    if (endpoint.kind !== "host" || stage === "forward") return logic.goesOn;
    const { failsafeInbound, failsafeOutbound } = this.#model.settings;
    const [own, others] =
      direction === "ingress" ? [failsafeInbound, failsafeOutbound] : [failsafeOutbound, failsafeInbound];
    const far = direction === "ingress" ? "source" : "destination";
    const match = (one: Failsafe, port: number) =>
      logic.and(
        logic.within(dimension.protocol, [{ first: one.protocol, last: one.protocol }]),
        one.network === undefined ? logic.yes : logic.address(far, [rangeOf(one.network)]),
        one.port === undefined ? logic.yes : logic.within(port, [{ first: one.port, last: one.port }]),
      );
    const asked = own.map((one) => match(one, dimension.destinationPort));
    // Before connections are tracked nobody knows an answer but by the port it comes from.
    const answers = stage === "untracked" ? others.map((one) => match(one, dimension.sourcePort)) : [];
    return logic.rule(logic.or(...asked, ...answers), stage === "normal" ? logic.accept : logic.returns(UNMARKED));
  }

  #tunnels({ kind }: Endpoint, direction: Direction): Node {
    const logic = this.#logic;
    const { allowVxlanFromWorkloads, allowIpipFromWorkloads, vxlanPort } = this.#model.settings;
    if (kind !== "workload" || direction !== "egress") return logic.goesOn;
    const protocol = (number: number) => logic.within(dimension.protocol, [{ first: number, last: number }]);
    const port = logic.within(dimension.destinationPort, [{ first: vxlanPort, last: vxlanPort }]);
    return logic.sequence(
      allowVxlanFromWorkloads ? logic.goesOn : logic.rule(logic.and(protocol(Protocol.udp), port), logic.drop),
      allowIpipFromWorkloads ? logic.goesOn : logic.rule(protocol(Protocol.ipip), logic.drop),
    );
  }
}

function standsAt(policy: Policy, direction: Direction, stage: Stage): boolean {
  if (!policy.directions.includes(direction)) return false;
  switch (stage) {
    case "untracked":
      return policy.untracked;
    case "preDnat":
      return policy.preDnat;
    case "normal":
      return !policy.untracked && !policy.preDnat;
    case "forward":
      return !policy.untracked && !policy.preDnat && policy.applyOnForward;
  }
}
