import { type Family, formatAddress } from "@ocicat/net";
import type { PolicyModel } from "../model/model.ts";
import { Protocol } from "../model/packet.ts";
import type { Policy, PolicyId } from "../model/policy.ts";
import { labelsIn } from "../verdict/labels.ts";
import { verdict } from "../verdict/verdict.ts";
import type { Step, Verdict } from "../verdict/walk.ts";
import { Narrower } from "./narrow.ts";
import { outsideParties } from "./outside.ts";
import { type PacketClass, packetClasses, packetOf } from "./packet-class.ts";
import { addressOf, type Member, type Party, partiesOf } from "./party.ts";
import { rulesOf } from "./rules.ts";

/** What becomes different between two models. */
export interface Difference {
  readonly policies: readonly PolicyChange[];
  readonly changes: readonly Change[];
  /** Pairs of ends, both ways apart; of those left out it is not known whether they change. */
  readonly pairs: { readonly looked: number; readonly changed: number; readonly leftOut: number };
}

export interface PolicyChange {
  readonly id: PolicyId;
  readonly change: "added" | "changed" | "removed";
  /** How many endpoints it applies to, before and after. */
  readonly before: number;
  readonly after: number;
}

/** Packets from any of `from` to any of `to` that are judged otherwise than before. */
export interface Change {
  readonly from: Party;
  readonly to: Party;
  readonly families: readonly Family[];
  readonly packets: readonly PacketClass[];
  /** Of all that can be told apart between the two, so that "all of them" can be said. */
  readonly all: readonly PacketClass[];
  readonly before: Decision;
  readonly after: Decision;
}

/** What decided: where a packet is denied the step that did, else the last one of each side. */
export interface Decision {
  readonly allowed: boolean;
  readonly steps: readonly Step[];
}

/** A verdict costs some 30 µs: after so many of them somebody has waited some seconds. */
const MAX_VERDICTS = 200_000;

/**
 * Who can no longer, or can now, send what to whom. It follows from the verdicts on one packet of each kind between one pair
 * of each kind. What is the same object in both models counts as unchanged, and what it alone decides about is not looked at.
 * It ends after `maxVerdicts`, and says what it left out.
 */
export function difference(before: PolicyModel, after: PolicyModel, maxVerdicts = MAX_VERDICTS): Difference {
  return new Comparison(before, after, maxVerdicts).compare();
}

class Comparison {
  readonly #models: readonly [PolicyModel, PolicyModel];
  readonly #narrowers: readonly [Narrower, Narrower];
  readonly #parties: readonly Party[];
  readonly #taken: ReadonlySet<string>;
  readonly #changes: Change[] = [];
  #budget: number;
  #looked = 0;
  #changed = 0;
  #leftOut = 0;

  constructor(before: PolicyModel, after: PolicyModel, maxVerdicts: number) {
    this.#models = [before, after];
    this.#narrowers = [new Narrower(before), new Narrower(after)];
    this.#parties = partiesOf(this.#models);
    this.#budget = maxVerdicts;
    this.#taken = new Set(
      this.#models
        .flatMap(({ endpoints, nodes = [], nodeSets = [] }) => [
          ...[...endpoints, ...nodes].flatMap(({ addresses }) => addresses),
          ...nodeSets.flatMap(({ networks }) => networks.map(({ address }) => address)),
        ])
        .map(formatAddress),
    );
  }

  compare(): Difference {
    const affected = new Set(this.#parties.filter((party) => this.#isAffected(party)));
    const done = new Set<Party>();
    for (const party of [...affected].sort((a, b) => b.members.length - a.members.length)) {
      done.add(party);
      const peers = this.#parties.filter((peer) => peer === party || !done.has(peer));
      for (const peer of [...peers, ...this.#outsideOf(party)]) {
        this.#pair(party, peer);
        if (peer !== party) this.#pair(peer, party);
      }
    }
    return {
      policies: policyChanges(...this.#models),
      changes: this.#changes,
      pairs: { looked: this.#looked, changed: this.#changed, leftOut: this.#leftOut },
    };
  }

  /** Whether anything that decides about the party's own side differs. */
  #isAffected({ members }: Party): boolean {
    const [before, after] = this.#models;
    const whole = ["tiers", "profiles", "endpoints", "networkSets", "nodeSets", "services"] as const;
    if (before.settings !== after.settings || whole.some((part) => !sameItems(before[part] ?? [], after[part] ?? [])))
      return true;
    const [member] = members;
    if (member === undefined) return false;
    const [own, then] = this.#narrowers.map((narrower) => narrower.policiesOf(member));
    return !sameItems(own ?? [], then ?? []);
  }

  #outsideOf({ members: [member] }: Party): readonly Party[] {
    if (member === undefined) return [];
    const rules = this.#narrowers.flatMap((narrower) => [...rulesOf(narrower.to(member))]);
    return outsideParties(rules, this.#models, this.#taken);
  }

  #pair(from: Party, to: Party): void {
    const count =
      from === to ? from.members.length * (from.members.length - 1) : from.members.length * to.members.length;
    const pair = examplesOf(from, to);
    if (pair === undefined) return;
    if (this.#budget <= 0) {
      this.#leftOut += count;
      return;
    }
    this.#looked += count;
    const found = ([4, 6] as const).flatMap((family) => this.#inFamily(from, to, pair, family));
    if (found.length === 0) return;
    this.#changed += count;
    this.#changes.push(...merged(found));
  }

  #inFamily(from: Party, to: Party, [a, b]: readonly [Member, Member], family: Family): readonly Change[] {
    const [source, destination] = [addressOf(a, family), addressOf(b, family)];
    if (source === undefined || destination === undefined) return [];
    const models = this.#narrowers.map((narrower) => narrower.to(a, b));
    const all = packetClasses(models, family);
    this.#budget -= 2 * all.length;
    const judged = all.map((packets) => {
      const packet = packetOf(packets, source, destination);
      const [before, after] = models.map((model) => decisionOf(verdict(packet, model)));
      return { packets, before, after };
    });
    const differing = judged.flatMap(({ packets, before, after }) =>
      before === undefined || after === undefined || before.allowed === after.allowed
        ? []
        : [{ packets, before, after }],
    );
    const groups = Map.groupBy(differing, ({ before, after }) => `${decisionKey(before)} ${decisionKey(after)}`);
    return [...groups.values()].flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const { before, after } = first;
      return [{ from, to, families: [family], packets: group.map(({ packets }) => packets), all, before, after }];
    });
  }
}

/** Two members to speak for all; of one party two of its members, and on two nodes where there are such. */
function examplesOf(from: Party, to: Party): readonly [Member, Member] | undefined {
  const [a] = from.members;
  const b =
    to.members.find((member) => member !== a && member.node !== a?.node) ?? to.members.find((member) => member !== a);
  return a === undefined || b === undefined ? undefined : [a, b];
}

/** What is the same in both families is told once. */
function merged(changes: readonly Change[]): readonly Change[] {
  const groups = Map.groupBy(changes, (change) => {
    const packets = change.packets.map(({ protocol, ...rest }) => [
      protocol === Protocol.icmpv6 ? Protocol.icmp : protocol,
      rest,
    ]);
    return JSON.stringify([decisionKey(change.before), decisionKey(change.after), packets]);
  });
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, families: group.flatMap(({ families }) => families) }];
  });
}

export function decisionOf({ allowed, egress, ingress }: Verdict): Decision {
  const ends = [egress, ingress].flatMap((walk) => {
    const last = walk?.steps.at(-1);
    return walk === undefined || last === undefined ? [] : [{ walk, last }];
  });
  return { allowed, steps: ends.filter(({ walk }) => allowed || !walk.allowed).map(({ last }) => last) };
}

function decisionKey({ allowed, steps }: Decision): string {
  return `${allowed} ${steps.map(stepKey).join(" ")}`;
}

function stepKey(step: Step): string {
  switch (step.kind) {
    case "policy":
      return `${step.policy} ${step.rule?.field}`;
    case "tier":
      return `tier ${step.tier}`;
    case "profile":
      return `profile ${step.profile} ${step.rule?.field}`;
    case "fixed":
      return step.reason;
  }
}

/** Staged ones decide nothing. */
function byId(policies: readonly Policy[]): ReadonlyMap<PolicyId, Policy> {
  return new Map(policies.filter(({ staged }) => staged === undefined).map((policy) => [policy.id, policy]));
}

function policyChanges(before: PolicyModel, after: PolicyModel): readonly PolicyChange[] {
  const [old, now] = [before, after].map((model) => byId(model.policies));
  const ids = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
  return [...ids].flatMap((id) => {
    const [was, is] = [old?.get(id), now?.get(id)];
    if (was === is) return [];
    const count = (model: PolicyModel, policy: typeof was) =>
      policy === undefined ? 0 : model.endpoints.filter((one) => policy.selector.matches(labelsIn(one, model))).length;
    const change = was === undefined ? "added" : is === undefined ? "removed" : "changed";
    return [{ id, change, before: count(before, was), after: count(after, is) } as const];
  });
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
