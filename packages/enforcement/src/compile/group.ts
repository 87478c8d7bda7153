import { origin, type ResourceRef } from "@ocicat/kit";
import {
  ACCEPT,
  COUNTER,
  chain,
  ctState,
  DROP,
  type Expression,
  jump,
  type RegularChain,
  type Rule,
  rule,
  verdict,
} from "@ocicat/nftables";
import type { Direction, EndpointNeeds, PolicyId, TierNeeds } from "@ocicat/policy";
import { DISPATCHES, type Dispatch, type DispatchName } from "./dispatch.ts";
import { REVOKED_RULES } from "./entrances/rules.ts";
import { failsafeChainOf } from "./failsafes.ts";
import { type FlowDecision, logFlow } from "./flow-log.ts";
import { clearBit, lacksBit, PASSED } from "./marks.ts";
import { digest } from "./names.ts";
import type { CompileOptions } from "./options.ts";

/** What endpoints have in common whose packets take the same way: one chain for all of them. */
export interface Group {
  readonly name: string;
  readonly dispatch: DispatchName;
  readonly tiers: readonly TierNeeds[];
  readonly profiles: readonly string[];
}

/** What a group has to know of the chains it calls. */
export interface RuleChains {
  policy(id: PolicyId, direction: Direction): Asked & { readonly resource: ResourceRef };
  /** The name of its chain; undefined without a rule in that direction. */
  profile(name: string, direction: Direction): string | undefined;
}

/**
 *     staged    decides nothing
 *     silent    has no rule, and closes all the same
 *     missing   nobody said what it holds
 *     called    has a chain, which may hand over to the next tier where it `passes`
 */
export type Asked =
  | { readonly how: "staged" | "silent" | "missing" }
  | { readonly how: "called"; readonly chain: string; readonly passes: boolean };

/** The group that an endpoint's packets are handed to. Its name follows from what is in it. */
export function groupOf(dispatch: DispatchName, needs: EndpointNeeds): Group {
  const { stage, direction, group } = DISPATCHES[dispatch];
  const tiers = needs.stages.get(stage)?.[direction] ?? [];
  const profiles = stage === "normal" ? needs.profiles : [];
  const content = [tiers.map(({ name, defaultAction, policies }) => [name, defaultAction, ...policies]), profiles];
  return { name: `${group}-${digest(JSON.stringify(content))}`, dispatch, tiers, profiles };
}

/**
 * The tiers in order, each with its policies and what becomes of a packet that none of them decided about:
 *
 *     jump pi-…                      a policy that cannot pass
 *     jump pi-…                      one that can: it sets PASSED and returns
 *     mark lacks PASSED jump pi-…    so that the rest of the tier is not asked
 *     mark lacks PASSED drop         the tier's own deny
 *     clear PASSED
 *     jump ri-…                      the profiles, then drop
 */
export function groupChain(group: Group, chains: RuleChains, options: CompileOptions): RegularChain {
  const dispatch = DISPATCHES[group.dispatch];
  const tiers = tierRules(group, chains, options);
  const why = origin(`${dispatch.direction} of endpoints with the same policies and profiles`);
  return chain({
    name: group.name,
    origin: why,
    rules: [
      ...introduction(dispatch, options),
      ...tiers.rules,
      ...(tiers.isOpen ? ending(group, chains, options) : []),
    ],
  });
}

/**
 * Workloads have no failsafes, and what is invalid was dropped before their interfaces were looked up. What of a connection that
 * lost its permission comes in, and what is forwarded of it, is dropped at the hook.
 */
function introduction(dispatch: Dispatch, { settings }: CompileOptions): readonly Rule[] {
  const failsafe = failsafeChainOf(dispatch);
  const tracked = settings.dropInvalid && dispatch.kind === "host" && dispatch.stage !== "untracked";
  const isOfNode = dispatch.kind === "host" && dispatch.stage === "normal" && dispatch.direction === "egress";
  return [
    ...(isOfNode ? REVOKED_RULES : []),
    ...(tracked ? [rule(INVALID, ctState("invalid"), COUNTER, verdict(DROP))] : []),
    ...(failsafe === undefined ? [] : [rule(FAILSAFE, verdict(jump(failsafe)))]),
  ];
}

/** Up to the first tier behind which nothing can come. */
function tierRules(
  { tiers, dispatch }: Group,
  chains: RuleChains,
  options: CompileOptions,
): { readonly rules: readonly Rule[]; readonly isOpen: boolean } {
  const rules: Rule[] = [];
  for (const tier of tiers) {
    const compiled = tierRule(tier, DISPATCHES[dispatch], chains, options);
    rules.push(...compiled.rules);
    if (!compiled.isOpen) return { rules, isOpen: false };
  }
  return { rules, isOpen: true };
}

/** `isOpen`: a packet may come out behind it. */
function tierRule(
  tier: TierNeeds,
  { direction, stage }: Dispatch,
  chains: RuleChains,
  options: CompileOptions,
): { readonly rules: readonly Rule[]; readonly isOpen: boolean } {
  const asked = tier.policies.map((id) => chains.policy(id, direction)).filter(({ how }) => how !== "staged");
  if (asked.length === 0) return { rules: [], isOpen: true };
  const passes = asked.some(mayPass);
  let mayHavePassed = false;
  const guard = () => (mayHavePassed ? [lacksBit(PASSED)] : []);
  const calls = asked.flatMap((policy) => {
    const call = callOf(policy);
    const why = origin(`of tier ${tier.name}`, policy.resource);
    const rules = call.length === 0 ? [] : [rule(why, ...guard(), ...call)];
    mayHavePassed ||= mayPass(policy);
    return rules;
  });
  const why = origin("no policy of the tier decided", { kind: "Tier", name: tier.name });
  const flow = flowOf(options, { owner: "policy", direction, name: tier.name });
  const denies = tier.defaultAction === "deny" && closes(stage);
  const rules = [
    // Whoever set the bit before us meant something else by it.
    ...(passes ? [rule(origin(`before tier ${tier.name}`), clearBit(PASSED))] : []),
    ...calls,
    ...(denies ? [rule(why, ...guard(), COUNTER, ...flow, verdict(DROP))] : []),
    ...(passes ? [rule(origin(`behind tier ${tier.name}`), clearBit(PASSED))] : []),
  ];
  return { rules, isOpen: passes || !denies };
}

function mayPass(asked: Asked): boolean {
  return asked.how === "called" && asked.passes;
}

function callOf(asked: Asked): readonly Expression[] {
  switch (asked.how) {
    case "staged":
    case "silent":
      return [];
    case "missing":
      return [COUNTER, verdict(DROP)];
    case "called":
      return [verdict(jump(asked.chain))];
  }
}

/** Before connections are tracked or destinations translated nothing is closed: the normal policies are still to come. */
function closes(stage: Dispatch["stage"]): boolean {
  return stage === "normal" || stage === "forward";
}

function ending({ dispatch, profiles }: Group, chains: RuleChains, options: CompileOptions): readonly Rule[] {
  const { stage, direction } = DISPATCHES[dispatch];
  if (stage !== "normal") return [rule(origin("nothing decided, and nothing closes"), COUNTER, verdict(ACCEPT))];
  const flow = flowOf(options, { owner: "profile", direction, name: "" });
  return [
    ...profiles.flatMap((name) => {
      const chain = chains.profile(name, direction);
      return chain === undefined
        ? []
        : [rule(origin("after all tiers", { kind: "Profile", name }), verdict(jump(chain)))];
    }),
    rule(origin("no tier decided, and no profile allows it"), COUNTER, ...flow, verdict(DROP)),
  ];
}

function flowOf(
  { flowLog }: CompileOptions,
  end: Pick<FlowDecision, "owner" | "direction" | "name">,
): readonly Expression[] {
  return flowLog ? [logFlow({ ...end, action: "deny", rule: undefined })] : [];
}

const INVALID = origin("belongs to no connection and begins none");
const FAILSAFE = origin("ports that no policy of the host closes");
