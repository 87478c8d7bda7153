import { parseSelector, type SelectorNode } from "@ocicat/api";

export const NAMESPACE_LABEL = "projectcalico.org/namespace";
export const SERVICE_ACCOUNT_LABEL = "projectcalico.org/serviceaccount";
export const ORCHESTRATOR_LABEL = "projectcalico.org/orchestrator";

/** Before the labels that an endpoint has from its namespace's profile, and from its service account's. */
export const NAMESPACE_PREFIX = "pcns.";
export const SERVICE_ACCOUNT_PREFIX = "pcsa.";

/** All of them: without what holds for everything, and with one level for nested ones, so that equal ones have one text. */
export function allOf(...nodes: readonly SelectorNode[]): SelectorNode {
  const operands = nodes
    .flatMap((node) => (node.type === "and" ? node.operands : [node]))
    .filter(({ type }) => type !== "all");
  const [first, ...more] = operands;
  if (first === undefined) return { type: "all" };
  return more.length === 0 ? first : { type: "and", operands };
}

export function isLabel(label: string, value: string): SelectorNode {
  return { type: "compare", operator: "==", label, value };
}

export function hasLabel(label: string): SelectorNode {
  return { type: "has", label };
}

export function isOneOf(label: string, values: readonly string[]): SelectorNode & { readonly type: "set" } {
  return { type: "set", operator: "in", label, values: [...new Set(values)].sort() };
}

export function negated(operand: SelectorNode): SelectorNode {
  return operand.type === "not" ? operand.operand : { type: "not", operand };
}

/**
 * A selector over a namespace's own labels, as one over what endpoints have from it. all() are those in a namespace, and
 * global() those in none. Throws SelectorError.
 */
export function inNamespaces(selector: string): SelectorNode {
  const isInOne = hasLabel(NAMESPACE_LABEL);
  return mapped(parseSelector(selector), NAMESPACE_PREFIX, { all: isInOne, global: negated(isInOne) });
}

/** A selector over a service account's own labels, as one over what endpoints have from it. Throws SelectorError. */
export function asServiceAccounts(selector: string, all: SelectorNode = { type: "all" }): SelectorNode {
  return mapped(parseSelector(selector), SERVICE_ACCOUNT_PREFIX, { all, global: { type: "global" } });
}

/** The same with a prefix before each label, and what all() and global() stand for in their place. */
function mapped(
  node: SelectorNode,
  prefix: string,
  standsFor: Readonly<Record<"all" | "global", SelectorNode>>,
): SelectorNode {
  switch (node.type) {
    case "all":
    case "global":
      return standsFor[node.type];
    case "has":
    case "compare":
    case "set":
      return { ...node, label: prefix + node.label };
    case "not":
      return negated(mapped(node.operand, prefix, standsFor));
    case "and":
    case "or":
      return { ...node, operands: node.operands.map((operand) => mapped(operand, prefix, standsFor)) };
  }
}
