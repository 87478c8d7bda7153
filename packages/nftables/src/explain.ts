import { describeResource, type Origin } from "@ocicat/kit";
import type { Rule } from "./ir/rule.ts";
import type { SetElement, SetShape } from "./ir/set.ts";
import { renderBody, renderVerdict } from "./text/expression.ts";
import { renderKey } from "./text/value.ts";

/** What a rule does, why it is there, and what it comes from: three lines. */
export function explainRule(rule: Rule): string {
  return explain(renderBody(rule.body), rule.origin);
}

export function explainElement(set: SetShape, element: SetElement): string {
  const verdict = element.verdict === undefined ? "" : ` → ${renderVerdict(element.verdict)}`;
  return explain(`${renderKey(set.key, element.key)} in @${set.name}${verdict}`, element.origin);
}

function explain(what: string, { reason, resources }: Origin): string {
  const why = reason === "" ? "no reason is known: it is not ours, or its comment is gone" : reason;
  const from = resources.length === 0 ? [] : [`  from: ${resources.map(describeResource).join(", ")}`];
  return [what, `  why: ${why}`, ...from].join("\n");
}
