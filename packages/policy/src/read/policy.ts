import {
  DEFAULT_TIER,
  type GlobalNetworkPolicy,
  type NetworkPolicy,
  type PolicyRule,
  parseSelector,
  type Selector,
  type SelectorNode,
  type StagedGlobalNetworkPolicy,
  type StagedKubernetesNetworkPolicy,
  type StagedNetworkPolicy,
} from "@ocicat/api";
import type { Direction, Policy, StagedAction } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";
import { identityOf } from "./identity.ts";
import { kubernetesPolicy, specOfStaged } from "./kubernetes.ts";
import { readRule } from "./rule.ts";
import {
  allOf,
  asServiceAccounts,
  hasLabel,
  inNamespaces,
  isLabel,
  NAMESPACE_LABEL,
  SERVICE_ACCOUNT_LABEL,
  selectorOf,
} from "./selectors.ts";

/** What becomes a policy of the model. */
export type PolicyResource = TieredResource | StagedKubernetesNetworkPolicy;

type TieredResource = NetworkPolicy | GlobalNetworkPolicy | StagedNetworkPolicy | StagedGlobalNetworkPolicy;

/** The policy that a resource means. What of its rules cannot be understood is closed: see conditionsOf. */
export function readPolicy(resource: PolicyResource): Policy {
  if (resource.kind === "StagedKubernetesNetworkPolicy") return readStagedKubernetes(resource);
  const { kind, metadata, spec } = resource;
  const { namespace } = metadata;
  const staged = "stagedAction" in spec ? STAGED[spec.stagedAction] : undefined;
  return {
    ...identityOf(kind, namespace, metadata.name),
    tier: spec.tier === "" ? DEFAULT_TIER : spec.tier,
    order: spec.order ?? Number.POSITIVE_INFINITY,
    selector: appliesTo(spec, namespace),
    directions: staged === "delete" ? [] : directionsOf(spec.types),
    ingress: readRules(spec.ingress, namespace, "ingress"),
    egress: readRules(spec.egress, namespace, "egress"),
    ...hooksOf(resource),
    staged,
    neededEverywhere: (spec.performanceHints ?? []).includes("AssumeNeededOnEveryNode"),
  };
}

const STAGED: Readonly<Record<StagedNetworkPolicy["spec"]["stagedAction"], StagedAction>> = {
  Set: "set",
  Delete: "delete",
  Learn: "learn",
  Ignore: "ignore",
};

function hooksOf(resource: TieredResource): Pick<Policy, "untracked" | "preDnat" | "applyOnForward"> {
  if (resource.kind === "NetworkPolicy" || resource.kind === "StagedNetworkPolicy") {
    // It means workloads, whose packets are all forwarded.
    return { untracked: false, preDnat: false, applyOnForward: true };
  }
  const { doNotTrack = false, preDNAT = false, applyOnForward = false } = resource.spec;
  return { untracked: doNotTrack, preDnat: preDNAT, applyOnForward };
}

/** One that names none closes both ways. */
function directionsOf(types: readonly ("Ingress" | "Egress")[]): readonly Direction[] {
  if (types.length === 0) return ["ingress", "egress"];
  return DIRECTIONS.filter((direction) => types.includes(direction === "ingress" ? "Ingress" : "Egress"));
}

const DIRECTIONS = ["ingress", "egress"] as const;

function readRules(
  rules: readonly PolicyRule[] | undefined,
  namespace: string | undefined,
  direction: Direction,
): readonly Rule[] {
  return (rules ?? []).map((rule, index) => readRule(rule, namespace, `spec.${direction}[${index}]`));
}

interface Choice {
  readonly selector?: string;
  readonly serviceAccountSelector?: string;
  readonly namespaceSelector?: string;
}

/** Which endpoints a policy applies to. Throws SelectorError. */
export function appliesTo(choice: Choice, namespace: string | undefined): Selector {
  const { selector = "", serviceAccountSelector, namespaceSelector } = choice;
  const conditions: readonly SelectorNode[] = [
    parseSelector(selector),
    ...(namespace === undefined ? [] : [isLabel(NAMESPACE_LABEL, namespace)]),
    ...(namespaceSelector === undefined ? [] : [inNamespaces(namespaceSelector)]),
    ...(serviceAccountSelector === undefined ? [] : [serviceAccounts(serviceAccountSelector, namespace)]),
  ];
  return selectorOf(allOf(...conditions));
}

/** In a policy of no namespace, all() are those that run as any. In a namespaced one Calico takes it for everything. */
function serviceAccounts(selector: string, namespace: string | undefined): SelectorNode {
  return namespace === undefined
    ? asServiceAccounts(selector, hasLabel(SERVICE_ACCOUNT_LABEL))
    : asServiceAccounts(selector);
}

function readStagedKubernetes({ kind, metadata, spec }: StagedKubernetesNetworkPolicy): Policy {
  const staged = STAGED[spec.stagedAction];
  const identity = identityOf(kind, metadata.namespace, metadata.name);
  const policy = kubernetesPolicy(identity, metadata.namespace ?? "", specOfStaged(spec));
  return { ...policy, staged, directions: staged === "delete" ? [] : policy.directions };
}
