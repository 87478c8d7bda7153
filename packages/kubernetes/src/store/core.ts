import {
  type AnyResource,
  decodeStored,
  KUBERNETES_OBJECTS,
  type KubernetesObjectKind,
  node,
  profile,
  workloadEndpoint,
} from "@ocicat/api";
import type { ApiObject, ApiResource } from "../api/index.ts";
import {
  type NodeOptions,
  nodeOfKey,
  type PodOptions,
  patchOfEndpoint,
  patchOfNode,
  patchOfReleasedEndpoint,
  podOfEndpoint,
  rowAsItIs,
  rowOfNamespace,
  rowOfNode,
  rowOfPod,
  rowOfServiceAccount,
  sourceOfProfile,
} from "../derive/index.ts";
import type { Collection, Family } from "./collection.ts";
import { namespaceIn } from "./custom.ts";

export type CoreOptions = PodOptions & NodeOptions;

const core = (plural: string, namespaced: boolean): ApiResource => ({ group: "", version: "v1", plural, namespaced });

export const PODS = core("pods", true);
export const NODES = core("nodes", false);
export const NAMESPACES = core("namespaces", false);
export const SERVICE_ACCOUNTS = core("serviceaccounts", true);

/** What follows from Kubernetes' own objects. */
export function coreFamilies(options: CoreOptions): readonly Family[] {
  return [
    ...Object.values(KUBERNETES_OBJECTS).map((kind) => ({
      root: kind.storage.prefix(),
      collections: [asItIs(kind)],
    })),
    { root: node.storage.prefix(), collections: [nodes(options)] },
    { root: profile.storage.prefix(), collections: [namespaces, serviceAccounts] },
    { root: workloadEndpoint.storage.prefix(), collections: [pods(options)] },
  ];
}

/** Endpoints. A write is the addresses' part of it, on the pod; all else is the pod's to say. */
function pods(options: PodOptions): Collection {
  const root = workloadEndpoint.storage.prefix();
  return {
    resource: PODS,
    writing: "part",
    rowOf: (pod) => rowOfPod(pod, options),
    placeOf(key) {
      const found = podOfEndpoint(key);
      return found === undefined ? undefined : { namespace: found.namespace, name: found.pod };
    },
    select: (prefix) => ({ ...namespaceIn(root, prefix) }),
    patchOf(key, value) {
      const endpoint = decodeStored(workloadEndpoint, { key, value, modRevision: 0n });
      return withUid(patchOfEndpoint(endpoint), endpoint);
    },
    releaseOf: () => patchOfReleasedEndpoint(),
  };
}

/** A pod of the same name, made anew, is another. */
function withUid(patch: { readonly metadata: object }, { metadata: { uid } }: AnyResource): object {
  return uid === undefined ? patch : { ...patch, metadata: { ...patch.metadata, uid } };
}

function nodes(options: NodeOptions): Collection {
  return {
    resource: NODES,
    writing: "part",
    rowOf: (object) => rowOfNode(object, options),
    placeOf(key) {
      const name = nodeOfKey(key);
      return name === undefined ? undefined : { namespace: undefined, name };
    },
    select: () => ({}),
    patchOf: (key, value) => patchOfNode(decodeStored(node, { key, value, modRevision: 0n })),
    // The node is Kubernetes' to delete; what agents wrote on it goes.
    releaseOf: (key) => {
      const name = nodeOfKey(key) ?? "";
      return patchOfNode({ kind: "Node", apiVersion: "projectcalico.org/v3", metadata: { name }, spec: {} });
    },
  };
}

const namespaces: Collection = {
  resource: NAMESPACES,
  writing: "none",
  rowOf: rowOfNamespace,
  placeOf(key) {
    const source = sourceOf(key);
    return source?.kind === "Namespace" ? { namespace: undefined, name: source.name } : undefined;
  },
  select: () => ({}),
};

const serviceAccounts: Collection = {
  resource: SERVICE_ACCOUNTS,
  writing: "none",
  rowOf: rowOfServiceAccount,
  placeOf(key) {
    const source = sourceOf(key);
    return source?.kind === "ServiceAccount" ? { namespace: source.namespace, name: source.name } : undefined;
  },
  select: () => ({}),
};

function sourceOf(key: string) {
  const name = profile.storage.parse(key)?.name;
  return name === undefined ? undefined : sourceOfProfile(name);
}

function asItIs(kind: KubernetesObjectKind): Collection {
  const parts = kind.apiVersion.split("/");
  const [group = "", version = ""] = parts.length === 1 ? ["", ...parts] : parts;
  const root = kind.storage.prefix();
  return {
    resource: { group, version, plural: kind.plural, namespaced: kind.namespaced },
    writing: "none",
    rowOf: (object: ApiObject) => rowAsItIs(kind, object),
    placeOf: (key) => kind.storage.parse(key),
    select: (prefix) => (kind.namespaced ? namespaceIn(root, prefix) : {}),
    // A definition that clusters have or have not.
    isOptional: group === KUBERNETES_OBJECTS.clusterNetworkPolicy.apiVersion.split("/")[0],
  };
}
