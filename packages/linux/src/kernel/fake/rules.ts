import type { Rule } from "../kernel.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

export function addRule(namespace: FakeNamespace, rule: Rule): void {
  if (namespace.rules.some((each) => textOf(each) === textOf(rule))) refuse("EEXIST");
  namespace.rules = [...namespace.rules, rule].toSorted((a, b) => a.priority - b.priority);
}

export function deleteRule(namespace: FakeNamespace, rule: Rule): void {
  const present = namespace.rules.find((each) => textOf(each) === textOf(rule)) ?? refuse("ENOENT");
  namespace.rules = namespace.rules.filter((each) => each !== present);
}

function textOf({ family, priority, table, source, destination, mark, markMask, protocol }: Rule): string {
  return [family, priority, table, source, destination, mark, markMask ?? "all", protocol].join(" ");
}
