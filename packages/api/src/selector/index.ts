import { evaluate, type Labels, printSelector, type SelectorNode } from "./ast.ts";
import { parseSelector } from "./parse.ts";

export { evaluate, type Labels, printSelector, type SelectorNode } from "./ast.ts";
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
  const root = parseSelector(text);
  return Object.freeze({ root, text: printSelector(root), matches: (labels: Labels) => evaluate(root, labels) });
}
