import { parseSelector, type SelectorNode } from "../../selector/index.ts";

/** Whether a selector says global(), which picks what is in no namespace: alone, or as one condition of several. */
export function mentionsGlobal(text: string): "no" | "alone" | "among others" {
  const root = parseSelector(text);
  if (root.type === "global") return "alone";
  return hasGlobal(root) ? "among others" : "no";
}

function hasGlobal(node: SelectorNode): boolean {
  switch (node.type) {
    case "global":
      return true;
    case "not":
      return hasGlobal(node.operand);
    case "and":
    case "or":
      return node.operands.some(hasGlobal);
    default:
      return false;
  }
}
