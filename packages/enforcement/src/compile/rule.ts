import type { Origin } from "@ocicat/kit";
import type { Family } from "@ocicat/net";
import { COUNTER, type Expression, equal, meta, number, rule, type Rule as TableRule } from "@ocicat/nftables";
import { FAMILIES, type Rule, setsOfEnd } from "@ocicat/policy";
import type { Constants } from "./constants.ts";
import { hasAddresses, matchAddresses } from "./match/addresses.ts";
import { NFPROTO, type Side } from "./match/fields.ts";
import { ALWAYS, type AnyOf, product } from "./match/match.ts";
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

/** One rule of the model as as many of the kernel's as it takes: one for each family and each choice of an "or". */
export function compileRule(of: Rule, place: RulePlace): readonly TableRule[] {
  if (of.broken !== undefined) return [];
  return matchesOf(of, place).map((match) => rule(place.origin, ...match, COUNTER, ...place.statements));
}

function matchesOf(of: Rule, place: RulePlace): AnyOf {
  return familiesOf(of).flatMap((family) => matchesIn(family, of, place));
}

/** Undefined: in both at once, as nothing depends on it. */
function familiesOf(of: Rule): readonly (Family | undefined)[] {
  if (of.ipVersion !== undefined) return [of.ipVersion];
  const depends = SIDES.some((side) => hasAddresses(of[side]) || namesPorts(setsOfEnd(of, side)));
  return depends ? FAMILIES : [undefined];
}

function matchesIn(family: Family | undefined, of: Rule, { constants, variants }: RulePlace): AnyOf {
  const parts = [
    family === undefined ? ALWAYS : [[equal(meta("nfproto"), number(NFPROTO[family]))]],
    matchProtocol(of),
  ];
  for (const side of SIDES) parts.push(matchPorts(of, setsOfEnd(of, side), { family, side, constants, variants }));
  if (family !== undefined) {
    for (const side of SIDES) {
      parts.push(matchAddresses(of[side], setsOfEnd(of, side), { family, side, constants, variants }));
    }
  }
  return product(parts);
}

const SIDES: readonly Side[] = ["source", "destination"];
