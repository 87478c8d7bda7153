import { prependAs } from "../wire/attributes/as-path.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { withCommunities } from "./community.ts";
import { type FilterWorld, type Match, matchesOf } from "./match.ts";
import type { Policy, PolicyPeer, PolicyRoute, Verdict } from "./policy.ts";
import { localPrefOf } from "./priority.ts";
import type { FilterRules, Operation } from "./rule.ts";

/** What the rules say of a route; undefined: none applies. */
export type Filter = (route: PolicyRoute, peer: PolicyPeer) => Verdict | undefined;

/**
 * Makes one function of the filters of a direction: the first rule that applies decides, and where none does, `otherwise`.
 * Made for a million routes: nothing is built while a route is judged but the attributes that operations change, and those
 * once for each set of attributes.
 */
export function compilePolicy(filters: readonly FilterRules[], otherwise: Policy, world: FilterWorld = {}): Policy {
  const rules = filters.flatMap((filter) => compileRules(filter, world));
  if (rules.length === 0) return otherwise;
  return (route, peer) => {
    for (const { applies, verdict } of rules) if (applies(route, peer)) return verdict(route.attributes);
    return otherwise(route, peer);
  };
}

interface CompiledRule {
  readonly applies: Match;
  readonly verdict: (attributes: PathAttributes) => Verdict;
}

function compileRules({ name, rules }: FilterRules, world: FilterWorld): CompiledRule[] {
  return rules.map((rule, index) => {
    const by = `${name}[${index}]`;
    const verdict = rule.action === "reject" ? always({ accept: false, reason: by }) : accepting(rule.operations, by);
    return { applies: all(matchesOf(rule, world)), verdict };
  });
}

/** Few questions are the rule: those get a function without a loop. */
function all(matches: readonly Match[]): Match {
  const [first, second, ...others] = matches;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (others.length === 0) return (route, peer) => first(route, peer) && second(route, peer);
  const rest = all([second, ...others]);
  return (route, peer) => first(route, peer) && rest(route, peer);
}

function always(verdict: Verdict): () => Verdict {
  return () => verdict;
}

function accepting(operations: readonly Operation[] = [], by: string): CompiledRule["verdict"] {
  if (operations.length === 0) return always({ accept: true, by });
  // Attribute sets are shared by many routes: what becomes of one is kept for as long as the set is.
  const known = new WeakMap<PathAttributes, Verdict>();
  return (attributes) => {
    const before = known.get(attributes);
    if (before !== undefined) return before;
    const verdict = { accept: true, attributes: operations.reduce(operate, attributes), by } as const;
    known.set(attributes, verdict);
    return verdict;
  };
}

function operate(attributes: PathAttributes, operation: Operation): PathAttributes {
  if ("addCommunity" in operation) return withCommunities(attributes, [operation.addCommunity]);
  if ("setPriority" in operation) return { ...attributes, localPref: localPrefOf(operation.setPriority) };
  // The last one that is put before the path is its first.
  return { ...attributes, asPath: operation.prependAsPath.toReversed().reduce(prependAs, attributes.asPath) };
}
