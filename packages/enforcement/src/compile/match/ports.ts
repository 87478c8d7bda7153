import type { Family } from "@ocicat/net";
import { equal, inSet, meta, notEqual, notInSet, numberRange } from "@ocicat/nftables";
import { type EndSets, hasPorts, type PortMatch, type Rule, type SetSpec } from "@ocicat/policy";
import type { Constants, PortRange } from "../constants.ts";
import { variantName } from "../names.ts";
import type { VariantsOf } from "../variants.ts";
import { addressField, portField, type Side } from "./fields.ts";
import { ALWAYS, type AnyOf, type Match, NEVER } from "./match.ts";

/** Whether a rule needs to know the family of a packet for the ports of one end: a named port is an address's own. */
export function namesPorts({ ports, notPorts }: EndSets): boolean {
  return ports.length > 0 || notPorts.length > 0;
}

/** What one end's port has to be: one of the ports, and none of those excluded. */
export function matchPorts(
  rule: Rule,
  sets: EndSets,
  at: {
    readonly family: Family | undefined;
    readonly side: Side;
    readonly constants: Constants;
    readonly variants: VariantsOf;
  },
): AnyOf {
  const { ports, notPorts } = rule[at.side];
  if (ports.length === 0 && notPorts.length === 0) return ALWAYS;
  if (rule.protocol === undefined || !hasPorts(rule.protocol)) return ports.length > 0 ? NEVER : ALWAYS;
  const field = portField(at.side);
  const { family } = at;
  /** The sets of those names that anything of this family has. */
  const named = (specs: readonly SetSpec[]) =>
    family === undefined
      ? []
      : specs
          .filter(({ id }) => at.variants(id).has(`${family}p`))
          .map(({ id }) => ({
            key: [addressField(family, at.side), meta("l4proto"), field],
            set: variantName(id, `${family}p`),
          }));
  const numbered = (matches: readonly PortMatch[], negated: boolean): Match | undefined => {
    const ranges = disjointRanges(matches);
    const [only, ...more] = ranges;
    if (only === undefined) return undefined;
    if (more.length > 0) return [(negated ? notInSet : inSet)(field, at.constants.ports(ranges))];
    return [(negated ? notEqual : equal)(field, numberRange(only.first, only.last))];
  };
  const allowed: AnyOf =
    ports.length === 0
      ? ALWAYS
      : [
          ...[numbered(ports, false) ?? []].filter(({ length }) => length > 0),
          ...named(sets.ports).map(({ key, set }) => [inSet(key, set)]),
        ];
  const excluded: Match = [
    ...(numbered(notPorts, true) ?? []),
    ...named(sets.notPorts).map(({ key, set }) => notInSet(key, set)),
  ];
  return allowed.map((one) => [...one, ...excluded]);
}

/** In order, those that overlap or touch made one. */
function disjointRanges(matches: readonly PortMatch[]): readonly PortRange[] {
  const ranges = matches.flatMap((match) => (match.kind === "range" ? [{ first: match.first, last: match.last }] : []));
  const out: PortRange[] = [];
  for (const range of ranges.sort((a, b) => a.first - b.first)) {
    const before = out.at(-1);
    if (before !== undefined && range.first <= before.last + 1) {
      out[out.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
    } else {
      out.push(range);
    }
  }
  return out;
}
