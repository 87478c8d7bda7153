import type { Column, Rule } from "../../define-kind.ts";
import type { Problem } from "../../problem.ts";
import type { Resource } from "../../resource.ts";
import { addressOrNetwork, list, object, optional } from "../../schema/index.ts";

/** What a set of networks is, of a namespace or not. */
export const networkSetSpec = object(
  { nets: optional(list(addressOrNetwork()), []) },
  { nets: "Networks and addresses that rules mean when they select the set's labels." },
);

type NetworkSet = Resource<{ readonly nets?: readonly string[] }>;

const NAMESPACE_LABEL = "projectcalico.org/namespace";

export const NETWORK_SET_RULES: Readonly<Record<string, Rule<NetworkSet>>> = {
  [`A set is not labelled ${NAMESPACE_LABEL}: the system does that.`]: checkNamespaceLabel,
};

function* checkNamespaceLabel({ metadata }: NetworkSet): Iterable<Problem> {
  const value = metadata.labels?.[NAMESPACE_LABEL];
  if (value === undefined) return;
  const message = "is the system's label for the namespace a thing is in; leave it out";
  yield { field: `metadata.labels["${NAMESPACE_LABEL}"]`, value, rule: "namespace-label", message };
}

export const NETWORK_SET_COLUMNS: readonly Column<NetworkSet>[] = [
  { heading: "NAME", cell: ({ metadata }) => metadata.name },
];

export const NETWORK_SET_WIDE: readonly Column<NetworkSet>[] = [
  ...NETWORK_SET_COLUMNS,
  { heading: "NETS", cell: ({ spec }) => cut((spec.nets ?? []).join(",")) },
];

const WIDEST = 80;

function cut(text: string): string {
  return text.length <= WIDEST ? text : `${text.slice(0, WIDEST - 3)}...`;
}
