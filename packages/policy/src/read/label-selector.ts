import type { LabelSelector, SelectorNode } from "@ocicat/api";
import {
  allOf,
  hasLabel,
  isLabel,
  isOneOf,
  NAMESPACE_LABEL,
  NAMESPACE_PREFIX,
  negated,
  ORCHESTRATOR_LABEL,
} from "./selectors.ts";

/** What Kubernetes' selectors choose among. */
export const IS_POD: SelectorNode = isLabel(ORCHESTRATOR_LABEL, "k8s");

export function podsWith(selector: LabelSelector | undefined): SelectorNode {
  return selector === undefined ? IS_POD : allOf(IS_POD, ...conditions(selector, ""));
}

/** An empty selector chooses all namespaces. */
export function inNamespacesWith(selector: LabelSelector): SelectorNode {
  const wanted = conditions(selector, NAMESPACE_PREFIX);
  return wanted.length === 0 ? hasLabel(NAMESPACE_LABEL) : allOf(...wanted);
}

/** An empty selector chooses all nodes. */
export function nodesWith(selector: LabelSelector): SelectorNode {
  return allOf(...conditions(selector, ""));
}

/** Throws RangeError on an In or NotIn without values, and on an Exists or DoesNotExist with some. */
function conditions(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  prefix: string,
): readonly SelectorNode[] {
  const equal = Object.entries(matchLabels).map(([name, value]) => isLabel(prefix + name, value));
  const more = matchExpressions.map(({ key, operator, values = [] }) => {
    const { wantsValues, make } = OPERATORS[operator];
    if (wantsValues !== values.length > 0) {
      throw new RangeError(`${operator} on the label ${key} ${wantsValues ? "has no values" : "has values"}`);
    }
    return make(prefix + key, values);
  });
  return [...equal, ...more];
}

type Operator = NonNullable<LabelSelector["matchExpressions"]>[number]["operator"];

interface Meaning {
  readonly wantsValues: boolean;
  readonly make: (label: string, values: readonly string[]) => SelectorNode;
}

const OPERATORS: Readonly<Record<Operator, Meaning>> = {
  In: { wantsValues: true, make: isOneOf },
  // Holds also without the label, in Kubernetes as in Calico.
  NotIn: { wantsValues: true, make: (label, values) => ({ ...isOneOf(label, values), operator: "not in" }) },
  Exists: { wantsValues: false, make: hasLabel },
  DoesNotExist: { wantsValues: false, make: (label) => negated(hasLabel(label)) },
};
