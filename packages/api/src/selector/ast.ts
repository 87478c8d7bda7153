/**
 * A selector's meaning, as an immutable tree.
 *
 *     or ── and ── not ── all | global | has | equals | … | in
 *
 * `all()` and `global()` hold for every set of labels; they differ in what a policy does with them (global() picks the
 * resources outside namespaces).
 */
export type SelectorNode =
  | { readonly type: "all" }
  | { readonly type: "global" }
  | { readonly type: "has"; readonly label: string }
  | { readonly type: "compare"; readonly operator: ComparisonOperator; readonly label: string; readonly value: string }
  /** `values` is sorted and without repeats. */
  | { readonly type: "set"; readonly operator: SetOperator; readonly label: string; readonly values: readonly string[] }
  | { readonly type: "not"; readonly operand: SelectorNode }
  /** Two operands or more. */
  | { readonly type: "and"; readonly operands: readonly SelectorNode[] }
  | { readonly type: "or"; readonly operands: readonly SelectorNode[] };

export type ComparisonOperator = "==" | "!=" | "contains" | "starts with" | "ends with";
export type SetOperator = "in" | "not in";

export type Labels = Readonly<Record<string, string>>;

/** Whether the labels are selected. `!=` and `not in` hold where the label is absent; every other comparison does not. */
export function evaluate(node: SelectorNode, labels: Labels): boolean {
  switch (node.type) {
    case "all":
    case "global":
      return true;
    case "has":
      return labelOf(labels, node.label) !== undefined;
    case "compare":
      return compare(node.operator, labelOf(labels, node.label), node.value);
    case "set":
      return isMember(node.values, labelOf(labels, node.label)) === (node.operator === "in");
    case "not":
      return !evaluate(node.operand, labels);
    case "and":
      return node.operands.every((operand) => evaluate(operand, labels));
    case "or":
      return node.operands.some((operand) => evaluate(operand, labels));
  }
}

/** The canonical text, the same for every selector that was written with the same structure; Calico hashes this form. */
export function printSelector(node: SelectorNode): string {
  switch (node.type) {
    case "all":
    case "global":
      return `${node.type}()`;
    case "has":
      return `has(${node.label})`;
    case "compare":
      return `${node.label} ${node.operator} ${quote(node.value)}`;
    case "set":
      return `${node.label} ${node.operator} {${node.values.map(quote).join(", ")}}`;
    case "not":
      return `!${printSelector(node.operand)}`;
    case "and":
      return `(${node.operands.map(printSelector).join(" && ")})`;
    case "or":
      return `(${node.operands.map(printSelector).join(" || ")})`;
  }
}

function compare(operator: ComparisonOperator, actual: string | undefined, wanted: string): boolean {
  switch (operator) {
    case "==":
      return actual === wanted;
    case "!=":
      return actual !== wanted;
    case "contains":
      return actual?.includes(wanted) ?? false;
    case "starts with":
      return actual?.startsWith(wanted) ?? false;
    case "ends with":
      return actual?.endsWith(wanted) ?? false;
  }
}

function isMember(values: readonly string[], actual: string | undefined): boolean {
  return actual !== undefined && values.includes(actual);
}

/** Own labels only: a label called "constructor" is a label like any other. */
function labelOf(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

/** There are no escapes: a value can hold either quote, never both. */
function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}
