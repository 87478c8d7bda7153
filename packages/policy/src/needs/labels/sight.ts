import type { SelectorNode } from "@ocicat/api";

/**
 * What a selector can tell apart in one label. A change from one value to another that looks alike to it cannot change its
 * mind: `role == 'web'` sees `web`, and does not tell `db` from no role at all.
 */
export interface Sight {
  readonly values: Set<string>;
  /** Whether the label is there. */
  presence: boolean;
  /** Every value from every other: `contains` and its like. */
  everything: boolean;
}

/** By label. */
export function sightOf(node: SelectorNode, sight = new Map<string, Sight>()): ReadonlyMap<string, Sight> {
  switch (node.type) {
    case "all":
    case "global":
      break;
    case "has":
      sightIn(sight, node.label).presence = true;
      break;
    case "compare":
      if (node.operator === "==" || node.operator === "!=") sightIn(sight, node.label).values.add(node.value);
      else sightIn(sight, node.label).everything = true;
      break;
    case "set":
      for (const value of node.values) sightIn(sight, node.label).values.add(value);
      break;
    case "not":
      sightOf(node.operand, sight);
      break;
    case "and":
    case "or":
      for (const operand of node.operands) sightOf(operand, sight);
  }
  return sight;
}

function sightIn(sight: Map<string, Sight>, label: string): Sight {
  const seen = sight.get(label) ?? { values: new Set(), presence: false, everything: false };
  sight.set(label, seen);
  return seen;
}
