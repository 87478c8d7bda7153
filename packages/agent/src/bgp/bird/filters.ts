import { createHash } from "node:crypto";
import { type FilterRule, localPrefOf, type Operation } from "@ocicat/bgp";
import { bitsOf } from "@ocicat/net";
import type { BgpFilterRow } from "../../tables/bgp-filter-row.ts";
import { addCommunity, attributeOf, type BirdInputs, tuple } from "./inputs.ts";

export const DIRECTIONS = ["importV4", "exportV4", "importV6", "exportV6"] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** BIRD's symbols have no more characters. */
const MOST_CHARACTERS = 64;

/** As Calico names it: `'bgp_only-pods_exportFilterV4'`; what is too long is cut, and told apart by its hash. */
export function functionName(filter: string, direction: Direction): string {
  const end = `_${direction.slice(0, 6)}FilterV${direction.slice(-1)}`;
  const room = MOST_CHARACTERS - "bgp_".length - end.length;
  const hash = createHash("sha256").update(filter).digest("hex").slice(0, 16);
  const name = filter.length <= room ? filter : `${filter.slice(0, room - hash.length - 1)}_${hash}`;
  return `'bgp_${name}${end}'`;
}

/** The functions of a filter's directions that have rules. Each is called with whether the peer is of the same AS. */
export function filterFunctions(filter: BgpFilterRow, normalPriority: BirdInputs["normalPriority"]): string[] {
  return DIRECTIONS.filter((direction) => filter[direction].rules.length > 0).flatMap((direction) => [
    `# BGPFilter ${filter.name}, ${direction}`,
    `function ${functionName(filter.name, direction)}(bool is_same_as) {`,
    ...filter[direction].rules.map((rule) => `  ${statement(rule, normalPriority[direction.endsWith("4") ? 4 : 6])}`),
    "}",
  ]);
}

function statement(rule: FilterRule, normalPriority: number): string {
  const conditions = conditionsOf(rule, normalPriority);
  const body = [...(rule.operations ?? []).flatMap(operation), `${rule.action};`].join(" ");
  return conditions.length === 0 ? body : `if (${conditions.map((one) => `(${one})`).join(" && ")}) then { ${body} }`;
}

const OPERATORS = { Equal: "=", NotEqual: "!=", In: "~", NotIn: "!~" } as const;

function conditionsOf(rule: FilterRule, normalPriority: number): string[] {
  const { destination, learned, peer, community, asPathPrefix = [], priority, interface: pattern } = rule;
  return [
    peer === undefined ? [] : peer === "internal" ? "is_same_as" : "!is_same_as",
    destination === undefined ? [] : matchDestination(destination),
    learned === true ? "source ~ [ RTS_BGP ]" : [],
    pattern === undefined ? [] : `ifname ~ "${pattern}"`,
    community === undefined ? [] : `${tuple(community)} ~ ${attributeOf(community)}`,
    asPathPrefix.length === 0 ? [] : `bgp_path ~ [= ${asPathPrefix.join(" ")} * =]`,
    priority === undefined ? [] : matchPriority(priority, normalPriority),
  ].flat();
}

function matchDestination({ network, operator, minLength, maxLength }: NonNullable<FilterRule["destination"]>): string {
  if (minLength === undefined && maxLength === undefined) return `net ${OPERATORS[operator]} ${network}`;
  // A range of lengths is a set of networks, which one is in or not.
  const isIn = operator === "Equal" || operator === "In" ? "~" : "!~";
  const least = Math.max(network.length, minLength ?? 0);
  return `net ${isIn} [ ${network}{${least},${maxLength ?? bitsOf(network.family)}} ]`;
}

/** See `priorityOf`: it travels in LOCAL_PREF. */
function matchPriority(priority: number, normal: number): string {
  const told = `defined(bgp_local_pref) && bgp_local_pref = ${localPrefOf(priority)}`;
  return priority === normal ? `!defined(bgp_local_pref) || (${told})` : told;
}

function operation(one: Operation): string[] {
  if ("addCommunity" in one) return [addCommunity(one.addCommunity)];
  if ("setPriority" in one) return [`bgp_local_pref = ${localPrefOf(one.setPriority)};`];
  // The last one that is put before the path is its first.
  return one.prependAsPath.toReversed().map((as) => `bgp_path.prepend(${as});`);
}
