import type { Labels, Selector } from "@ocicat/api";
import {
  type Direction,
  describeRule,
  type Endpoint,
  type EndpointNeeds,
  effectiveLabels,
  endpointKey,
  needsOf,
  type Policy,
  type PolicyModel,
  type Profile,
  type Rule,
  type Stage,
  type StageNeeds,
} from "@ocicat/policy";

/** What decides about an endpoint's packets, in the order in which it is asked. */
export interface Applied {
  readonly endpoint: Endpoint;
  readonly labels: Readonly<Record<string, string>>;
  readonly sections: readonly AppliedSection[];
}

/** One direction, at one stage of a packet's way. */
export interface AppliedSection {
  readonly direction: Direction;
  readonly stage: Stage;
  readonly tiers: readonly AppliedTier[];
  /** Asked if no tier decides; none but at the stage `normal`. */
  readonly profiles: readonly AppliedRules[];
  /** A tier before them denies what it does not decide. */
  readonly reachesProfiles: boolean;
}

export interface AppliedTier {
  readonly name: string;
  readonly defaultAction: "deny" | "pass";
  /** False: all of its policies are staged, and it decides nothing. */
  readonly inForce: boolean;
  readonly policies: readonly AppliedRules[];
}

/** Of a policy, or of a profile. */
export interface AppliedRules {
  /** `NetworkPolicy default/db`, `Profile kns.default`. */
  readonly name: string;
  /** What is to be said of it besides: `staged`, `does not exist`, why it closes. */
  readonly remark: string | undefined;
  readonly rules: readonly AppliedRule[];
}

export interface AppliedRule {
  readonly field: string;
  readonly text: string;
  /** What the rule's selectors choose: endpoints and network sets, or nodes. */
  readonly chosen: readonly Chosen[];
}

export interface Chosen {
  readonly selector: string;
  readonly names: readonly string[];
}

/** By what the agents work out what they enforce. */
export function appliedTo(endpoint: Endpoint, model: PolicyModel): Applied {
  const needs = needsOf(model, endpoint.node);
  const own = needs.endpoints.get(endpointKey(endpoint));
  const teller = new Teller(model);
  return {
    endpoint,
    labels: teller.labelsOf(endpoint),
    sections:
      own === undefined ? [] : (["ingress", "egress"] as const).flatMap((way) => sections(own, way, model, teller)),
  };
}

function sections(
  own: EndpointNeeds,
  direction: Direction,
  model: PolicyModel,
  teller: Teller,
): readonly AppliedSection[] {
  const policies = new Map(model.policies.map((policy) => [policy.id, policy]));
  const stages = new Map<Stage, StageNeeds | undefined>([...own.stages, ["normal", own.stages.get("normal")]]);
  return Array.from(stages, ([stage, needs]): AppliedSection => {
    const tiers = (needs?.[direction] ?? []).map(({ name, defaultAction, policies: ids }): AppliedTier => {
      const members = ids.flatMap((id) => policies.get(id) ?? []);
      return {
        name,
        defaultAction,
        inForce: members.some(({ staged }) => staged === undefined),
        policies: members.map((policy) => teller.policy(policy, direction)),
      };
    });
    return {
      direction,
      stage,
      tiers,
      profiles: stage === "normal" ? own.profiles.map((name) => teller.profile(name, direction)) : [],
      reachesProfiles: !tiers.some(({ inForce, defaultAction }) => inForce && defaultAction === "deny"),
    };
  }).filter(({ stage, tiers }) => stage === "normal" || tiers.length > 0);
}

interface Named {
  readonly name: string;
  readonly labels: Labels;
}

function chosenOf({ text, matches }: Selector, among: readonly Named[]): Chosen {
  return { selector: text, names: among.filter(({ labels }) => matches(labels)).map(({ name }) => name) };
}

class Teller {
  readonly #model: PolicyModel;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #items: readonly Named[];
  readonly #nodes: readonly Named[];

  constructor(model: PolicyModel) {
    this.#model = model;
    this.#profiles = new Map(model.profiles.map((profile) => [profile.name, profile]));
    this.#items = [
      ...model.endpoints.map((endpoint) => ({ name: nameOf(endpoint), labels: this.labelsOf(endpoint) })),
      ...model.networkSets.map((set) => ({ name: `${set.kind} ${set.id}`, labels: this.labelsOf(set) })),
    ];
    this.#nodes = (model.nodeSets ?? []).map(({ kind, id, labels }) => ({ name: `${kind} ${id}`, labels }));
  }

  labelsOf(item: PolicyModel["endpoints"][number] | PolicyModel["networkSets"][number]) {
    return effectiveLabels(item, (name) => this.#profiles.get(name));
  }

  policy(policy: Policy, direction: Direction): AppliedRules {
    const { id, staged, unreadable } = policy;
    const remark = unreadable ?? (staged === undefined ? undefined : `staged, ${STAGED[staged]}`);
    return { name: id, remark, rules: policy[direction].map((rule) => this.#rule(rule)) };
  }

  profile(name: string, direction: Direction): AppliedRules {
    const profile = this.#model.profiles.find((candidate) => candidate.name === name);
    const remark = profile === undefined ? "does not exist, and allows nothing" : undefined;
    return { name: `Profile ${name}`, remark, rules: (profile?.[direction] ?? []).map((rule) => this.#rule(rule)) };
  }

  #rule(rule: Rule): AppliedRule {
    const selectors = [rule.source, rule.destination].flatMap(({ selector, notSelector }) =>
      [selector, notSelector].filter((one) => one !== undefined),
    );
    const nodes = [rule.source, rule.destination].flatMap((end) => end.nodes ?? []);
    return {
      field: rule.field,
      text: describeRule(rule),
      chosen: [
        ...selectors.map((selector) => chosenOf(selector, this.#items)),
        ...nodes.map((selector) => chosenOf(selector, this.#nodes)),
      ],
    };
  }
}

const STAGED = {
  set: "decides nothing",
  delete: "would take away the policy of its name",
  learn: "decides nothing",
  ignore: "and ignored",
} as const;

export function nameOf(endpoint: Endpoint): string {
  return endpoint.kind === "workload" ? endpoint.workload : `HostEndpoint ${endpoint.id}`;
}
