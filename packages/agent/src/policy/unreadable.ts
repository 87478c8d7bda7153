import { compileSelector, isObject, type Kind, networkSet, type Selector } from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import { type Prefix, parsePrefix } from "@ocicat/net";
import { type NetworkSet, type Policy, type Profile, policyId, type Rule, type Tier } from "@ocicat/policy";

/**
 * What stands for a stored value that somebody else wrote and that cannot be read. Absence would open: what a policy keeps out
 * would come in, what a set of networks denies would be allowed. So each is taken to say what closes the most, and of what it
 * says as much is kept as can be understood.
 */

type Fields = Readonly<Record<string, unknown>>;

/**
 * A policy that denies everything, both ways, to what it applies to: to all of its namespace, or to all there is, where its
 * selector cannot be understood. A staged one is none: it would have decided nothing.
 */
export function closedPolicy(kind: Kind, item: KeyValue, why: string): Policy | undefined {
  const name = kind.storage.parse(item.key);
  if (name === undefined || kind.kind.startsWith("Staged")) return undefined;
  const { namespace } = name;
  const spec = fieldsOf(fieldsIn(item.value).spec);
  const isGlobal = namespace === undefined;
  return {
    id: policyId(kind.kind, namespace, name.name),
    resource: { kind: kind.kind, name: isGlobal ? name.name : `${namespace}/${name.name}` },
    namespace,
    tier: typeof spec.tier === "string" && spec.tier !== "" ? spec.tier : "default",
    // Where its place is not known, it comes before all others.
    order: typeof spec.order === "number" ? spec.order : Number.NEGATIVE_INFINITY,
    selector: scopeOf(spec.selector, namespace),
    directions: ["ingress", "egress"],
    ingress: [denyAll(why)],
    egress: [denyAll(why)],
    untracked: spec.doNotTrack === true,
    preDnat: spec.preDNAT === true,
    applyOnForward: !isGlobal || spec.applyOnForward === true,
    staged: undefined,
    neededEverywhere: false,
    unreadable: why,
  };
}

function scopeOf(selector: unknown, namespace: string | undefined): Selector {
  const own = namespace === undefined ? "all()" : `projectcalico.org/namespace == "${namespace}"`;
  if (typeof selector !== "string" || selector.trim() === "") return compileSelector(own);
  try {
    return compileSelector(`(${compileSelector(selector).text}) && ${own}`);
  } catch {
    return compileSelector(own);
  }
}

function denyAll(why: string): Rule {
  const anywhere = {
    networks: [],
    notNetworks: [],
    selector: undefined,
    notSelector: undefined,
    ports: [],
    notPorts: [],
    service: undefined,
  };
  return {
    action: "deny",
    ipVersion: undefined,
    protocol: undefined,
    notProtocol: undefined,
    icmp: undefined,
    notIcmp: undefined,
    source: anywhere,
    destination: anywhere,
    field: "spec",
    broken: undefined,
    closed: why,
  };
}

/** A tier that denies what its policies do not allow, at its place if that can be read, else last. */
export function closedTier(kind: Kind, item: KeyValue): Tier | undefined {
  const name = kind.storage.parse(item.key)?.name;
  if (name === undefined) return undefined;
  const { order } = fieldsOf(fieldsIn(item.value).spec);
  return { name, order: typeof order === "number" ? order : Number.POSITIVE_INFINITY, defaultAction: "deny" };
}

/** A profile that allows nothing. Its labels stay, for policies may deny by them. */
export function closedProfile(kind: Kind, item: KeyValue): Profile | undefined {
  const name = kind.storage.parse(item.key)?.name;
  if (name === undefined) return undefined;
  const { labelsToApply } = fieldsOf(fieldsIn(item.value).spec);
  return { name, labels: textsOf(labelsToApply), ingress: [], egress: [] };
}

/** A set of those networks that can be read. */
export function readableNetworks(kind: Kind, item: KeyValue): NetworkSet | undefined {
  const name = kind.storage.parse(item.key);
  if (name === undefined) return undefined;
  const { metadata, spec } = fieldsIn(item.value);
  const labels = textsOf(fieldsOf(metadata).labels);
  const { nets } = fieldsOf(spec);
  const { namespace } = name;
  return {
    id: namespace === undefined ? name.name : `${namespace}/${name.name}`,
    kind: namespace === undefined ? "GlobalNetworkSet" : networkSet.kind,
    labels: namespace === undefined ? labels : { ...labels, "projectcalico.org/namespace": namespace },
    profiles: namespace === undefined ? [] : [`kns.${namespace}`],
    networks: Array.isArray(nets) ? nets.flatMap(networkOf) : [],
  };
}

function networkOf(text: unknown): readonly Prefix[] {
  try {
    return typeof text === "string" ? [parsePrefix(text, { hostBits: "clear" })] : [];
  } catch {
    return [];
  }
}

function fieldsIn(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fieldsOf(value)).flatMap(([key, text]) => (typeof text === "string" ? [[key, text]] : [])),
  );
}
