import { isObject, KUBERNETES_OBJECTS } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { conditionsOf, type Policy, readClusterPolicy, readKubernetesPolicy } from "@ocicat/policy";
import type { SourceDocument } from "../input/documents.ts";
import { type Manifest, placed } from "../input/manifests.ts";

/** A policy of Kubernetes in a file: read as agents read it from the API. */
export interface KubernetesManifest extends Omit<Manifest, "resource"> {
  readonly policy: Policy;
}

const READERS = [
  [KUBERNETES_OBJECTS.networkPolicy, readKubernetesPolicy],
  [KUBERNETES_OBJECTS.clusterNetworkPolicy, readClusterPolicy],
] as const;

/**
 * Undefined for what is no policy of Kubernetes. `namespace`: of one that names none. Throws OcicatError POLICY_UNREADABLE for
 * one that would close what it is about, since it cannot be understood.
 */
export function readKubernetesManifest(
  { value, position, placeOf }: SourceDocument,
  namespace: string,
): KubernetesManifest | undefined {
  if (!isObject(value)) return undefined;
  const [kind, read] =
    READERS.find(([known]) => known.kind === value.kind && known.apiVersion === value.apiVersion) ?? [];
  if (kind === undefined || read === undefined) return undefined;
  const metadata = isObject(value.metadata) ? value.metadata : {};
  const policy = read({ ...value, metadata: kind.namespaced ? { namespace, ...metadata } : metadata });
  const locate = (error: OcicatError) => placed(error, position);
  const [condition] = conditionsOf(policy);
  if (condition === undefined) return { policy, position, placeOf, locate };
  const { field, why, effect } = condition;
  throw locate(new OcicatError({ code: "POLICY_UNREADABLE", what: `${policy.id}: ${field}: ${why}`, why: effect }));
}
