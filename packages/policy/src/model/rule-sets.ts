import { hasPorts } from "./packet.ts";
import type { PortMatch, Rule } from "./rule.ts";
import { namedPortSet, nodeSet, selectorSet, serviceSet } from "./set-id.ts";
import type { SetId, SetSpec } from "./sets.ts";

/** The sets that one end of a rule refers to: what an address, or an address with a port, is looked up in. */
export interface EndSets {
  readonly selector: SetSpec | undefined;
  readonly notSelector: SetSpec | undefined;
  readonly nodes: SetSpec | undefined;
  /** One for each named port, in order. */
  readonly ports: readonly SetSpec[];
  readonly notPorts: readonly SetSpec[];
  /** Of a destination with ports, of a source without. */
  readonly service: SetSpec | undefined;
}

/**
 * Named ports are those of the endpoints that the end's selector chooses: one address may belong to several endpoints. They
 * never match without a protocol that has ports.
 */
export function setsOfEnd(rule: Rule, side: "source" | "destination"): EndSets {
  const { selector, notSelector, nodes, ports, notPorts, service } = rule[side];
  const { protocol } = rule;
  const named = (matches: readonly PortMatch[]) =>
    protocol === undefined || !hasPorts(protocol)
      ? []
      : matches.flatMap((match) => (match.kind === "name" ? [namedPortSet(selector, protocol, match.name)] : []));
  return {
    selector: selector && selectorSet(selector),
    notSelector: notSelector && selectorSet(notSelector),
    nodes: nodes && nodeSet(nodes),
    ports: named(ports),
    notPorts: named(notPorts),
    service: service && serviceSet(service, side === "destination"),
  };
}

/** All sets that the rules refer to. A broken rule matches nothing and needs none. */
export function setsOfRules(rules: Iterable<Rule>): ReadonlyMap<SetId, SetSpec> {
  const sets = new Map<SetId, SetSpec>();
  for (const rule of rules) {
    if (rule.broken !== undefined) continue;
    for (const side of ["source", "destination"] as const) {
      const { selector, notSelector, nodes, ports, notPorts, service } = setsOfEnd(rule, side);
      for (const set of [selector, notSelector, nodes, service, ...ports, ...notPorts])
        if (set !== undefined) sets.set(set.id, set);
    }
  }
  return sets;
}
