import { type AnyResource, API_VERSION, type Kind, node, printableResource } from "@ocicat/api";
import { OcicatError, parseJson } from "@ocicat/kit";
import { isObject, type JsonObject } from "../json.ts";
import { withoutIdentity } from "../output/documents.ts";
import type { Entry, ExportFile, Identity } from "./file.ts";
import { kubernetesNames, renameInIpam, renameInResource } from "./node-names.ts";
import { IPAM_PARTS, type IpamPart, type StoredContents } from "./stored.ts";

/** What the export is for: etcd, or Ocicat's own datastore, takes everything as it is; Kubernetes has its own nodes and pods. */
export const TARGETS = ["etcd", "kubernetes"] as const;
export type Target = (typeof TARGETS)[number];

/** Throws OcicatError MIGRATE_UNLOCKED, MIGRATE_NODE_NAMES. */
export function exportOf(contents: StoredContents, target: Target): ExportFile {
  const { cluster, resources, ipam, others } = contents;
  if (cluster === undefined || cluster.spec.datastoreReady !== false) throw unlocked();
  const forKubernetes = target === "kubernetes";
  const nodes = (resources.get(node) ?? []).filter(node.is);
  const names = forKubernetes ? kubernetesNames(nodes) : new Map<string, string>();
  const entriesOf = (part: IpamPart) =>
    ipam[part].map(
      ({ key, value }): Entry => renameInIpam(part, { key, value: parseJson(value === "" ? "{}" : value) }, names),
    );
  const document = (kind: Kind, resource: AnyResource) => {
    const renamed = renameInResource(kind.plural, printableResource(resource), names);
    return withoutIdentity(forKubernetes ? withPresentWords(kind, renamed) : renamed);
  };
  const all = [...resources];
  return {
    lists: all.map(([kind, items]) => ({
      kind: `${kind.kind}List`,
      apiVersion: API_VERSION,
      metadata: {},
      items: items.map((resource) => document(kind, resource)),
    })),
    cluster: printableResource(cluster),
    ipam: {
      entries: Object.fromEntries(IPAM_PARTS.map((part) => [part, entriesOf(part)])) as Record<IpamPart, Entry[]>,
      identities: forKubernetes ? [] : all.flatMap(([kind, items]) => items.map((item) => identityOf(kind, item))),
      others: forKubernetes ? [] : others.map(({ key, value }) => ({ key, value })),
    },
  };
}

function identityOf(kind: Kind, { metadata }: AnyResource): Identity {
  const { name, namespace, uid, creationTimestamp } = metadata;
  return { key: kind.storage.key(name, namespace) ?? "", uid, creationTimestamp };
}

/** Words of FelixConfiguration that Calico's first API wrote in capitals, and that Kubernetes' schema does not take so. */
const ONCE_IN_CAPITALS = [
  "defaultEndpointToHostAction",
  "iptablesFilterAllowAction",
  "iptablesMangleAllowAction",
  "iptablesFilterDenyAction",
] as const;

function withPresentWords(kind: Kind, document: JsonObject): JsonObject {
  const { spec } = document;
  if (kind.plural !== "felixconfigurations" || !isObject(spec)) return document;
  const words = ONCE_IN_CAPITALS.flatMap((name) => {
    const word = spec[name];
    return typeof word === "string" ? [[name, word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()]] : [];
  });
  return { ...document, spec: { ...spec, ...Object.fromEntries(words) } };
}

function unlocked(): OcicatError {
  return new OcicatError({
    code: "MIGRATE_UNLOCKED",
    what: "the datastore is not locked: what is written to it from now on would be missing from the export",
    fix: "lock it first: ocicat datastore migrate lock",
  });
}
