import { origin, type ResourceRef } from "@ocicat/kit";
import {
  ACCEPT,
  chain,
  DROP,
  type Expression,
  log,
  type NamedSet,
  NOTRACK,
  RETURN,
  type RegularChain,
  verdict,
} from "@ocicat/nftables";
import type { Action, Direction, Policy, Profile, Rule } from "@ocicat/policy";
import { Constants } from "./constants.ts";
import { type FlowDecision, logFlow } from "./flow-log.ts";
import { ACCEPTED, PASSED, setBit } from "./marks.ts";
import { policyChainName, profileChainName } from "./names.ts";
import type { CompileOptions } from "./options.ts";
import { compileRule } from "./rule.ts";
import type { VariantsOf } from "./variants.ts";

/** The rules of a policy or a profile in one direction. */
export interface RuleChain {
  /** Undefined without a rule that does anything: nobody need ask it. */
  readonly chain: RegularChain | undefined;
  /** Sets that its rules list themselves. */
  readonly constants: readonly NamedSet[];
  /** Whether it may return with PASSED set. */
  readonly passes: boolean;
}

/** `pi-…`, `po-…`: what the policy's rules say, in order. Who is not decided about comes back. */
export function policyChain(
  policy: Policy,
  direction: Direction,
  variants: VariantsOf,
  options: CompileOptions,
): RuleChain {
  const name = policyChainName(policy.id, direction);
  const owner = { owner: "policy", name: policy.id } as const;
  return ruleChain(name, policy[direction], direction, policy.resource, variants, {
    allow: [...allowOf(policy), verdict(ACCEPT)],
    deny: [verdict(DROP)],
    pass: [setBit(PASSED), verdict(RETURN)],
    log: [log(`${options.logPrefix}: `, "notice")],
    flow: options.flowLog ? owner : undefined,
  });
}

/** `ri-…`, `ro-…`. Pass leads to the next profile: there is no tier to leave. */
export function profileChain(
  profile: Profile,
  direction: Direction,
  variants: VariantsOf,
  options: CompileOptions,
): RuleChain {
  const resource = { kind: "Profile", name: profile.name };
  return ruleChain(profileChainName(profile.name, direction), profile[direction], direction, resource, variants, {
    allow: [verdict(ACCEPT)],
    deny: [verdict(DROP)],
    pass: [verdict(RETURN)],
    log: [log(`${options.logPrefix}: `, "notice")],
    flow: options.flowLog ? { owner: "profile", name: profile.name } : undefined,
  });
}

type Statements = Readonly<Record<Action, readonly Expression[]>> & {
  readonly flow: Pick<FlowDecision, "owner" | "name"> | undefined;
};

function ruleChain(
  name: string,
  rules: readonly Rule[],
  direction: Direction,
  resource: ResourceRef,
  variants: VariantsOf,
  statements: Statements,
): RuleChain {
  const constants = new Constants();
  const compiled = rules.map((one, index) =>
    compileRule(one, {
      origin: origin(one.closed === undefined ? one.field : `${one.field}: ${one.closed}`, resource),
      statements: [...flowOf(one, index, direction, statements), ...statements[one.action]],
      constants,
      variants,
    }),
  );
  const body = compiled.flat();
  return {
    chain: body.length === 0 ? undefined : chain({ name, origin: origin(`${direction} rules`, resource), rules: body }),
    constants: [...constants.sets],
    passes: rules.some((one, index) => one.action === "pass" && (compiled[index] ?? []).length > 0),
  };
}

function flowOf(one: Rule, rule: number, direction: Direction, { flow }: Statements): readonly Expression[] {
  if (flow === undefined || one.action === "log") return [];
  return [logFlow({ ...flow, action: one.action, direction, rule })];
}

/** What stands before connections are tracked, or destinations translated, answers for what comes later. */
function allowOf({ untracked, preDnat }: Policy): readonly Expression[] {
  if (untracked) return [NOTRACK, setBit(ACCEPTED)];
  return preDnat ? [setBit(ACCEPTED)] : [];
}
