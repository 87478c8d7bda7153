import type { SelectorNode } from "@ocicat/api";

/** That a label has the value; or, where none is given, that it is there. */
export interface Condition {
  readonly label: string;
  readonly value: string | undefined;
}

/** Whatever the selector selects meets at least one of these. None: it selects nothing. */
export type Requirement = readonly Condition[];

/**
 * What must hold of labels for the selector to select them, each requirement good by itself; the converse is not said. They let
 * an index look at few selectors, or few items, instead of all. Empty: nothing need hold, as for `!has(role)`.
 */
export function requirementsOf(node: SelectorNode, negated = false): readonly Requirement[] {
  switch (node.type) {
    case "all":
    case "global":
      return negated ? [[]] : [];
    case "has":
      return negated ? [] : [[{ label: node.label, value: undefined }]];
    case "compare":
      if (node.operator === "==" || node.operator === "!=")
        return (node.operator === "==") === negated ? [] : [[{ label: node.label, value: node.value }]];
      return negated ? [] : [[{ label: node.label, value: undefined }]];
    case "set":
      return (node.operator === "in") === negated ? [] : [node.values.map((value) => ({ label: node.label, value }))];
    case "not":
      return requirementsOf(node.operand, !negated);
    case "and":
      return negated ? oneOf(node.operands, negated) : eachOf(node.operands, negated);
    case "or":
      return negated ? eachOf(node.operands, negated) : oneOf(node.operands, negated);
  }
}

function eachOf(operands: readonly SelectorNode[], negated: boolean): readonly Requirement[] {
  return operands.flatMap((operand) => requirementsOf(operand, negated));
}

/** One requirement of each operand, together; none if an operand has none. */
function oneOf(operands: readonly SelectorNode[], negated: boolean): readonly Requirement[] {
  const parts = operands.map((operand) => sharpest(requirementsOf(operand, negated)));
  return parts.every((part) => part !== undefined) ? [parts.flat()] : [];
}

/** Values say more than presence, and few say more than many. */
function sharpest(requirements: readonly Requirement[]): Requirement | undefined {
  const bluntness = (requirement: Requirement) =>
    requirement.length + 100 * requirement.filter(({ value }) => value === undefined).length;
  return requirements.toSorted((a, b) => bluntness(a) - bluntness(b))[0];
}
