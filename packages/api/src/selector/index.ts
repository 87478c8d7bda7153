import { type Labels, type Predicate, predicateOf, printSelector, type SelectorNode } from "./ast.ts";
import { parseSelector } from "./parse.ts";

export { type Labels, printSelector, type SelectorNode } from "./ast.ts";
export { parseSelector, SelectorError } from "./parse.ts";
export { selector } from "./scalar.ts";

/** A selector ready for use. */
export interface Selector {
  readonly root: SelectorNode;
  /** The canonical text. */
  readonly text: string;
  readonly matches: (labels: Labels) => boolean;
}

/** Throws SelectorError. */
export function compileSelector(text: string): Selector {
  return selectorOf(parseSelector(text));
}

export function selectorOf(root: SelectorNode): Selector {
  // Made when it is first asked: of many policies most select nothing on this node.
  let predicate: Predicate | undefined;
  const matches = (labels: Labels) => {
    predicate ??= predicateOf(root);
    return predicate(labels);
  };
  return Object.freeze({ root, text: printSelector(root), matches });
}
