import type { KubernetesPolicy, Peer, Port, Selector } from "./cluster.ts";

export const DIRECTIONS = ["ingress", "egress"] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const TYPE = { ingress: "Ingress", egress: "Egress" } as const;

interface RuleParts {
  readonly peers?: readonly Peer[] | undefined;
  readonly ports?: readonly Port[] | undefined;
}

interface PolicyParts {
  readonly name?: string;
  readonly namespace?: string;
  readonly podSelector?: Selector;
}

/** A policy with rules for one direction, for pod a of namespace x unless told. */
export function policyFor(
  direction: Direction,
  rules: readonly RuleParts[],
  parts: PolicyParts = {},
): KubernetesPolicy {
  const { name = "p", namespace = "x", podSelector = { matchLabels: { pod: "a" } } } = parts;
  const written = rules.map(({ peers, ports }) => ({
    ...(ports === undefined ? {} : { ports }),
    ...(peers === undefined ? {} : { [direction === "ingress" ? "from" : "to"]: peers }),
  }));
  return {
    metadata: { name, namespace },
    spec: { podSelector, policyTypes: [TYPE[direction]], [direction]: written },
  };
}

type Requirement = NonNullable<Selector["matchExpressions"]>[number];

const when = (key: string, operator: Requirement["operator"], ...values: readonly string[]): Selector => ({
  matchExpressions: [values.length === 0 ? { key, operator } : { key, operator, values }],
});

/** All that can be asked of a label, with the label `pod` or `ns`, and values a to c or x to z. */
export function selectorsOn(
  key: string,
  [first, second, third]: readonly [string, string, string],
): Readonly<Record<string, Selector>> {
  return {
    all: {},
    matchLabels: { matchLabels: { [key]: second } },
    In: when(key, "In", second, third),
    NotIn: when(key, "NotIn", first),
    Exists: when(key, "Exists"),
    DoesNotExist: when(key, "DoesNotExist"),
    "two at once": {
      matchExpressions: [
        { key, operator: "NotIn", values: [first] },
        { key, operator: "NotIn", values: [second] },
      ],
    },
    "none of them": { matchLabels: { [key]: first }, matchExpressions: [{ key, operator: "NotIn", values: [first] }] },
  };
}

export const POD_SELECTORS = selectorsOn("pod", ["a", "b", "c"]);
export const NAMESPACE_SELECTORS = selectorsOn("ns", ["x", "y", "z"]);
