import { type Origin, origin } from "@ocicat/kit";
import type { Family } from "@ocicat/net";
import {
  COUNTER,
  DROP,
  type Expression,
  equal,
  meta,
  number,
  rule,
  type Rule as TableRule,
  verdict,
} from "@ocicat/nftables";
import { type EndSets, FAMILIES, type Rule, setsOfEnd } from "@ocicat/policy";
import type { Constants } from "./constants.ts";
import { hasAddresses, matchAddresses } from "./match/addresses.ts";
import { NFPROTO, type Side } from "./match/fields.ts";
import { ALWAYS, type AnyOf, type Match, product } from "./match/match.ts";
import { matchPorts, namesPorts } from "./match/ports.ts";
import { matchProtocol } from "./match/protocols.ts";
import type { VariantsOf } from "./variants.ts";

export interface RulePlace {
  readonly origin: Origin;
  /** What a packet that matches meets, behind the counter. */
  readonly statements: readonly Expression[];
  readonly constants: Constants;
  readonly variants: VariantsOf;
}

/** What one rule of the model may become at most: beyond it, it is taken for one that cannot be understood. */
const MOST_RULES = 1000;

/** The kernel's own limit is 128 instructions a rule (NFT_RULE_MAXEXPRS), and some are for what follows the match. */
const MOST_INSTRUCTIONS = 100;

/**
 * One rule of the model as as many of the kernel's as it takes: one for each family and each choice of an "or".
 *
 * A rule too large for the kernel would have the whole transaction refused, and nobody's change would be done any more. Such a
 * one allows nothing, and denies everything where it would deny or pass.
 */
export function compileRule(of: Rule, place: RulePlace): readonly TableRule[] {
  if (of.broken !== undefined) return [];
  const matches = matchesOf(of, place);
  if (matches === undefined || matches.some((match) => instructions(match) > MOST_INSTRUCTIONS)) {
    const why = origin(`too large for the kernel: ${place.origin.reason}`, ...place.origin.resources);
    return of.action === "allow" || of.action === "log" ? [] : [rule(why, COUNTER, verdict(DROP))];
  }
  return matches.map((match) => rule(place.origin, ...match, COUNTER, ...place.statements));
}

/** Not fewer than it takes: a load for each field, what masks it, and what compares it. */
function instructions(match: Match): number {
  return match.reduce((sum, one) => sum + (one.kind === "lookup" ? one.keys.length + 1 : 3), 0);
}

/** Undefined: too many. */
function matchesOf(of: Rule, place: RulePlace): AnyOf | undefined {
  // Sets are told by digests: once is enough.
  const sets = { source: setsOfEnd(of, "source"), destination: setsOfEnd(of, "destination") };
  const perFamily = familiesOf(of, sets).map((family) => partsIn(family, of, sets, place));
  const count = perFamily.reduce((sum, parts) => sum + parts.reduce((all, { length }) => all * length, 1), 0);
  return count > MOST_RULES ? undefined : perFamily.flatMap((parts) => product(parts));
}

type Sets = Readonly<Record<Side, EndSets>>;

/** Undefined: in both at once, as nothing depends on it. */
function familiesOf(of: Rule, sets: Sets): readonly (Family | undefined)[] {
  if (of.ipVersion !== undefined) return [of.ipVersion];
  const depends = SIDES.some((side) => hasAddresses(of[side]) || namesPorts(sets[side]));
  return depends ? FAMILIES : [undefined];
}

/** All of which have to hold. */
function partsIn(
  family: Family | undefined,
  of: Rule,
  sets: Sets,
  { constants, variants }: RulePlace,
): readonly AnyOf[] {
  // First what most packets are not.
  const parts = [
    matchProtocol(of),
    family === undefined ? ALWAYS : [[equal(meta("nfproto"), number(NFPROTO[family]))]],
  ];
  for (const side of SIDES) parts.push(matchPorts(of, sets[side], { family, side, constants, variants }));
  if (family !== undefined) {
    for (const side of SIDES) parts.push(matchAddresses(of[side], sets[side], { family, side, constants, variants }));
  }
  return parts;
}

const SIDES: readonly Side[] = ["source", "destination"];
