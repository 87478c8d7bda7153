import { kinds as allKinds, type Kind } from "@ocicat/api";

/**
 * The kinds whose resources stand in an export as resources, in calicoctl's order: what others refer to comes before them
 * (tiers before policies), and nodes before what bears a node's name. All other stored values are not for people.
 */
const ORDER: readonly string[] = [
  "ippools",
  "bgppeers",
  "tiers",
  "globalnetworkpolicies",
  "stagedglobalnetworkpolicies",
  "globalnetworksets",
  "hostendpoints",
  "kubecontrollersconfigurations",
  "networkpolicies",
  "stagednetworkpolicies",
  "stagedkubernetesnetworkpolicies",
  "networksets",
  "nodes",
  "bgpconfigurations",
  "felixconfigurations",
  "ipreservations",
  "bgpfilters",
];

export function exportedKinds(): readonly Kind[] {
  return ORDER.flatMap((plural) => allKinds.find((kind) => kind.plural === plural) ?? []);
}

/** Policies that Calico's controllers make from Kubernetes' own, and would make again. */
const DERIVED = "knp.default.";

export function isDerivedPolicy(kind: Kind, name: string): boolean {
  return kind.plural === "networkpolicies" && name.startsWith(DERIVED);
}
