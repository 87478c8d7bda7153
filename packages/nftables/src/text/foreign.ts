import type { Expression } from "../ir/expression.ts";
import type { Rule } from "../ir/rule.ts";
import { extensionName } from "../judge/xtables.ts";
import { renderExpression } from "./expression.ts";

/** A rule of anybody's for people: what the model does not know by its name, instead of its bytes. */
export function describeRule(rule: Rule): string {
  const comment = rule.comment === undefined || rule.comment === "" ? [] : [`comment "${rule.comment}"`];
  return [...rule.body.map(describe), ...comment].filter((part) => part !== "counter").join(" ");
}

function describe(expression: Expression): string {
  if (expression.kind !== "opaque") return renderExpression(expression);
  switch (expression.name) {
    case "match":
      return `-m ${extensionName(expression)}`;
    case "target":
      return `-j ${extensionName(expression)}`;
    default:
      return expression.name;
  }
}
