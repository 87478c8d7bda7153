import type { Rule } from "../kernel.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

export function addRule(namespace: FakeNamespace, rule: Rule): void {
  if (namespace.rules.some((each) => isMeantBy(rule, each) && each.protocol === rule.protocol)) refuse("EEXIST");
  namespace.rules = [...namespace.rules, rule].toSorted((a, b) => a.priority - b.priority);
}

export function deleteRule(namespace: FakeNamespace, rule: Rule): void {
  const meant = (each: Rule) => isMeantBy(rule, each) && (rule.protocol === 0 || each.protocol === rule.protocol);
  const present = namespace.rules.find(meant) ?? refuse("ENOENT");
  namespace.rules = namespace.rules.filter((each) => each !== present);
}

/** The kernel's comparison: what `given` leaves out fits anything. */
function isMeantBy(given: Rule, each: Rule): boolean {
  const { source, destination, mark, markMask } = given;
  return (
    each.family === given.family &&
    each.priority === given.priority &&
    each.table === given.table &&
    (source === undefined || String(each.source) === String(source)) &&
    (destination === undefined || String(each.destination) === String(destination)) &&
    (mark === undefined || (each.mark === mark && each.markMask === markMask))
  );
}
