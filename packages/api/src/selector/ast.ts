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

/** Whether labels are selected. */
export type Predicate = (labels: Labels) => boolean;

/**
 * The tree as one function: it is asked of thousands of labels, and goes through the tree only once. `!=` and `not in` hold where
 * the label is absent; every other comparison does not.
 */
export function predicateOf(node: SelectorNode): Predicate {
  switch (node.type) {
    case "all":
    case "global":
      return () => true;
    case "has":
      return onLabel(node.label, (value) => value !== undefined);
    case "compare":
      return onLabel(node.label, comparison(node.operator, node.value));
    case "set": {
      const { values } = node;
      const isMember = (value: string | undefined) => value !== undefined && values.includes(value);
      return onLabel(node.label, node.operator === "in" ? isMember : (value) => !isMember(value));
    }
    case "not": {
      const operand = predicateOf(node.operand);
      return (labels) => !operand(labels);
    }
    case "and": {
      const operands = node.operands.map(predicateOf);
      return (labels) => operands.every((operand) => operand(labels));
    }
    case "or": {
      const operands = node.operands.map(predicateOf);
      return (labels) => operands.some((operand) => operand(labels));
    }
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

type Test = (value: string | undefined) => boolean;

function comparison(operator: ComparisonOperator, wanted: string): Test {
  switch (operator) {
    case "==":
      return (value) => value === wanted;
    case "!=":
      return (value) => value !== wanted;
    case "contains":
      return (value) => value?.includes(wanted) ?? false;
    case "starts with":
      return (value) => value?.startsWith(wanted) ?? false;
    case "ends with":
      return (value) => value?.endsWith(wanted) ?? false;
  }
}

/** Own labels only: a label called "constructor" is a label like any other. */
function onLabel(name: string, test: Test): Predicate {
  return name in Object.prototype
    ? (labels) => test(Object.hasOwn(labels, name) ? labels[name] : undefined)
    : (labels) => test(labels[name]);
}

/** There are no escapes: a value can hold either quote, never both. */
function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}
