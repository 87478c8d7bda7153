import { commentOf, elementComment } from "./comment.ts";
import type { BaseChain, Chain } from "./ir/chain.ts";
import type { Rule } from "./ir/rule.ts";
import type { NamedSet, SetElement, SetShape } from "./ir/set.ts";
import { renderBody, renderVerdict } from "./text/expression.ts";
import { renderKey } from "./text/value.ts";

/** Equal keys, equal rules: what they do and what they say of themselves. */
export function ruleKey(rule: Rule): string {
  return `${renderBody(rule.body)}\n${commentOf(rule)}`;
}

function sameRule(a: Rule, b: Rule): boolean {
  return renderBody(a.body) === renderBody(b.body) && commentOf(a) === commentOf(b);
}

/** What names an element in its set. */
export function elementKey(set: SetShape, element: SetElement): string {
  return renderKey(set.key, element.key);
}

/** Of two elements with the same key. */
export function sameElement(a: SetElement, b: SetElement): boolean {
  return verdictText(a) === verdictText(b) && a.timeout === b.timeout && elementComment(a) === elementComment(b);
}

/** Can one be turned into the other without being made anew? */
export function sameShape(a: NamedSet, b: NamedSet): boolean {
  return a.data === b.data && a.interval === b.interval && a.timeout === b.timeout && a.key.join() === b.key.join();
}

/** Of a chain's definition, not its rules; the policy can be changed in place and is left out. */
export function sameHook(a: Chain, b: Chain): boolean {
  return hookText(a) === hookText(b);
}

export function sameRules(a: readonly Rule[], b: readonly Rule[]): boolean {
  return a === b || (a.length === b.length && a.every((rule, index) => sameRule(rule, b[index] ?? rule)));
}

function verdictText(element: SetElement): string {
  return element.verdict === undefined ? "" : renderVerdict(element.verdict);
}

function hookText(chain: Chain): string {
  return chain.kind === "chain" ? "" : baseText(chain);
}

function baseText({ type, hook, priority }: BaseChain): string {
  return `${type} ${hook} ${priority}`;
}
