import {
  DEFAULT_TIER,
  decodeStored,
  type GlobalNetworkPolicy,
  isObject,
  type Kind,
  MAX_RULES,
  type NetworkPolicy,
  type StagedGlobalNetworkPolicy,
  type StagedKubernetesNetworkPolicy,
  type StagedNetworkPolicy,
  type StoredResource,
} from "@ocicat/api";
import { parseJson } from "@ocicat/kit";
import type { Direction, Policy, StagedAction } from "../model/policy.ts";
import type { Rule } from "../model/rule.ts";
import { appliesTo, everythingOf } from "./applies-to.ts";
import { FieldReader } from "./fields.ts";
import { closedPolicy, type Identity, identityOf } from "./identity.ts";
import { kubernetesPolicy, readSpec } from "./kubernetes.ts";
import { readRule, reasonOf } from "./rule.ts";

/** What becomes a policy of the model. */
export type PolicyResource =
  | NetworkPolicy
  | GlobalNetworkPolicy
  | StagedNetworkPolicy
  | StagedGlobalNetworkPolicy
  | StagedKubernetesNetworkPolicy;

/** The policy that a resource means. What of it cannot be understood is closed: see conditionsOf. Never throws. */
export function readPolicy({ kind, metadata, spec }: PolicyResource): Policy {
  return policyOf(identityOf(kind, metadata.namespace, metadata.name), spec);
}

/**
 * As readPolicy, from what the datastore holds, whatever it is: what is no resource of the kind closes what it can be seen to
 * apply to, or everything of its namespace. Never throws, but TypeError on a key that is not of the kind.
 */
export function readStoredPolicy(kind: Kind<PolicyResource>, stored: StoredResource): Policy {
  try {
    return readPolicy(decodeStored(kind, stored));
  } catch (error) {
    const name = kind.storage.parse(stored.key);
    if (name === undefined) throw error;
    const document = rawDocument(kind, stored);
    const metadata = isObject(document) && isObject(document.metadata) ? document.metadata : {};
    const own = typeof metadata.name === "string" ? metadata.name : name.name;
    const identity = identityOf(kind.kind, name.namespace, own);
    return policyOf(identity, isObject(document) ? document.spec : undefined);
  }
}

/** Undefined for what is not even JSON. */
function rawDocument(kind: Kind<PolicyResource>, { key, value }: StoredResource): unknown {
  try {
    const document = parseJson(value);
    const name = kind.storage.parse(key);
    return isObject(document) && name !== undefined
      ? (kind.storage.fromStored?.(document, name, key) ?? document)
      : document;
  } catch {
    return undefined;
  }
}

function policyOf(identity: Identity, spec: unknown): Policy {
  const { kind } = identity.resource;
  const fields = new FieldReader(spec);
  const staged = kind.startsWith("Staged") ? STAGED[fields.oneOf("stagedAction", STAGED_ACTIONS) ?? "Set"] : undefined;
  const policy =
    kind === "StagedKubernetesNetworkPolicy" ? stagedKubernetes(identity, spec) : tieredPolicy(identity, fields);
  return { ...policy, staged, directions: staged === "delete" ? [] : policy.directions };
}

const STAGED_ACTIONS = ["Set", "Delete", "Learn", "Ignore"] as const;

const STAGED: Readonly<Record<(typeof STAGED_ACTIONS)[number], StagedAction>> = {
  Set: "set",
  Delete: "delete",
  Learn: "learn",
  Ignore: "ignore",
};

function stagedKubernetes(identity: Identity, spec: unknown): Policy {
  try {
    return kubernetesPolicy(identity, readSpec(spec));
  } catch (error) {
    return closedPolicy(identity, { tier: DEFAULT_TIER, selector: everythingOf(identity.namespace) }, reasonOf(error));
  }
}

/** Field for field, so that one that cannot be read does not hide what the others say. */
function tieredPolicy(identity: Identity, fields: FieldReader): Policy {
  const { namespace } = identity;
  const tier = fields.text("tier") ?? DEFAULT_TIER;
  const order = fields.number("order") ?? Number.POSITIVE_INFINITY;
  const selector = fields.attempt("selector", () => appliesTo(choiceOf(fields), namespace)) ?? everythingOf(namespace);
  const rules = { ingress: rulesOf("ingress", namespace, fields), egress: rulesOf("egress", namespace, fields) };
  const types = fields.listOf("types", ["Ingress", "Egress"]);
  const hooks = hooksOf(namespace, fields);
  const hints = fields.list("performanceHints") ?? [];
  if (fields.problems.length > 0) {
    const known = { tier, selector, directions: types && directionsOf(types, rules) };
    return closedPolicy(identity, known, fields.problems.join("; "));
  }
  return {
    ...identity,
    tier,
    order,
    selector,
    directions: directionsOf(types, rules),
    ...rules,
    ...hooks,
    staged: undefined,
    neededEverywhere: hints.includes("AssumeNeededOnEveryNode"),
  };
}

function choiceOf(fields: FieldReader): Parameters<typeof appliesTo>[0] {
  return {
    selector: fields.text("selector"),
    serviceAccountSelector: fields.text("serviceAccountSelector"),
    namespaceSelector: fields.text("namespaceSelector"),
  };
}

function rulesOf(direction: Direction, namespace: string | undefined, fields: FieldReader): readonly Rule[] {
  const rules = fields.list(direction) ?? [];
  if (rules.length > MAX_RULES)
    fields.refuse(direction, `has ${rules.length} rules; at most ${MAX_RULES} are enforced`);
  return rules.slice(0, MAX_RULES).map((rule, index) => readRule(rule, namespace, `spec.${direction}[${index}]`));
}

type Rules = Readonly<Record<Direction, readonly Rule[]>>;

/** Those that are named; unless any is, ingress if there are rules for it or none for egress, and egress if there are. */
function directionsOf(types: readonly ("Ingress" | "Egress")[] | undefined, rules: Rules): readonly Direction[] {
  const isOpen = {
    ingress: types?.includes("Ingress") ?? (rules.ingress.length > 0 || rules.egress.length === 0),
    egress: types?.includes("Egress") ?? rules.egress.length > 0,
  };
  return (["ingress", "egress"] as const).filter((direction) => isOpen[direction]);
}

function hooksOf(
  namespace: string | undefined,
  fields: FieldReader,
): Pick<Policy, "untracked" | "preDnat" | "applyOnForward"> {
  // A namespaced one means workloads, whose packets are all forwarded.
  if (namespace !== undefined) return { untracked: false, preDnat: false, applyOnForward: true };
  return {
    untracked: fields.flag("doNotTrack") ?? false,
    preDnat: fields.flag("preDNAT") ?? false,
    applyOnForward: fields.flag("applyOnForward") ?? false,
  };
}
