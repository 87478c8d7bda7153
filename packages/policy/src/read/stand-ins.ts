import { isObject, type Kind, networkSet, type Storage, type StoredResource } from "@ocicat/api";
import type { Prefix } from "@ocicat/net";
import type { NetworkSet } from "../model/endpoint.ts";
import type { Profile, Tier } from "../model/policy.ts";
import { readNetwork } from "./network.ts";
import { NAMESPACE_LABEL } from "./selectors.ts";

/**
 * What stands for a stored value that somebody else wrote and that cannot be read. Absence would open: what a policy keeps out
 * would come in, what a set of networks denies would be allowed. So each is taken to say what closes the most, and of what it
 * says as much is kept as can be understood. For policies readStoredPolicy does it.
 */

type Fields = Readonly<Record<string, unknown>>;

/** A tier that denies what its policies do not allow, at its place if that can be read, else last. */
export function closedTier(kind: Kind, item: StoredResource): Tier | undefined {
  const name = kind.storage.parse(item.key)?.name;
  if (name === undefined) return undefined;
  const { order } = fieldsOf(fieldsIn(item.value).spec);
  return { name, order: typeof order === "number" ? order : Number.POSITIVE_INFINITY, defaultAction: "deny" };
}

/** A profile that allows nothing. Its labels stay, for policies may deny by them. */
export function closedProfile(kind: Kind, item: StoredResource): Profile | undefined {
  const name = kind.storage.parse(item.key)?.name;
  if (name === undefined) return undefined;
  const { labelsToApply } = fieldsOf(fieldsIn(item.value).spec);
  return { name, labels: textsOf(labelsToApply), ingress: [], egress: [] };
}

/** A set of those networks that can be read. */
export function readableNetworks(kind: Kind, item: StoredResource): NetworkSet | undefined {
  const name = kind.storage.parse(item.key);
  if (name === undefined) return undefined;
  const { metadata, spec } = fieldsIn(item.value);
  const labels = textsOf(fieldsOf(metadata).labels);
  const { nets } = fieldsOf(spec);
  const { namespace } = name;
  return {
    id: namespace === undefined ? name.name : `${namespace}/${name.name}`,
    kind: namespace === undefined ? "GlobalNetworkSet" : networkSet.kind,
    labels: namespace === undefined ? labels : { ...labels, [NAMESPACE_LABEL]: namespace },
    profiles: namespace === undefined ? [] : [`kns.${namespace}`],
    networks: Array.isArray(nets) ? nets.flatMap(networkOf) : [],
  };
}

/** What Kubernetes says of itself under a key, with the name that the key says: a reader makes of it what it can. */
export function namedDocument(storage: Storage, item: StoredResource): unknown {
  const name = storage.parse(item.key);
  const document = fieldsIn(item.value);
  return name === undefined ? document : { ...document, metadata: { ...fieldsOf(document.metadata), ...name } };
}

function networkOf(text: unknown): readonly Prefix[] {
  try {
    return typeof text === "string" ? [readNetwork(text)] : [];
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
