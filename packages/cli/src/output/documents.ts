import { type AnyResource, API_VERSION, type Kind, printableResource } from "@ocicat/api";
import { type JsonValue, stringifyJson } from "@ocicat/kit";
import { isObject, type JsonObject, withoutMember } from "../json.ts";
import { toYaml } from "./yaml.ts";

/** How whole resources are printed. */
export const DOCUMENT_FORMATS = {
  yaml: toYaml,
  json: (value: JsonValue) => `${stringifyJson(value, 2)}\n`,
} as const;

/** All resources of a kind, as their kind's list. */
export function listDocument(kind: Kind, resources: readonly AnyResource[], revision: bigint): JsonValue {
  return {
    kind: `${kind.kind}List`,
    apiVersion: API_VERSION,
    metadata: { resourceVersion: String(revision) },
    items: resources.map(printableResource),
  };
}

/** Resources that were named: one by itself, several as a bare list. Both can be applied again. */
export function namedDocument(documents: readonly JsonObject[]): JsonValue {
  const [first, ...more] = documents;
  return more.length === 0 && first !== undefined ? first : documents;
}

/** What a resource has of the cluster that it is in: not for another one. */
const OF_ITS_CLUSTER: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
]);

/** As `--export` shows it, and calicoctl's: for any cluster and namespace. */
export function withoutCluster(document: JsonObject): JsonObject {
  const { metadata } = withoutIdentity(document);
  return isObject(metadata) ? { ...document, metadata: withoutMember(metadata, "namespace") } : document;
}

/** A resource's document without what it has of its cluster; its namespace stays. */
export function withoutIdentity(document: JsonObject): JsonObject {
  const { metadata } = document;
  if (!isObject(metadata)) return document;
  const kept = Object.entries(metadata).filter(([name]) => !OF_ITS_CLUSTER.has(name));
  return { ...document, metadata: Object.fromEntries(kept) };
}
