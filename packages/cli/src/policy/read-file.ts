import { checkResource, tier as tierKind, ValidationError } from "@ocicat/api";
import type { Opened } from "../connect/datastore.ts";
import type { SourceDocument } from "../input/documents.ts";
import { type Manifest, manifestOf, readSources } from "../input/manifests.ts";
import { DEFAULT_NAMESPACE, type FileOptions, type NamespaceOptions } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { type KubernetesManifest, readKubernetesManifest } from "./kubernetes-manifest.ts";

/** What policy follows from, as a file has it. */
export type PolicyManifest = Manifest | KubernetesManifest;

/**
 * What is to be looked at as if it were applied: refused for what apply would refuse it for, a tier that does not exist among
 * it. Policies of Kubernetes, which apply leaves to kubectl, may be among them. Throws OcicatError MANIFEST_…, POLICY_UNREADABLE,
 * ValidationError.
 */
export async function readPolicyFile(
  surroundings: Surroundings,
  { client }: Pick<Opened, "client">,
  { filename, recursive = false, namespace = DEFAULT_NAMESPACE }: FileOptions & NamespaceOptions,
): Promise<readonly PolicyManifest[]> {
  if (filename === undefined) return [];
  const sources = await readSources(surroundings, { filename, recursive, namespace });
  const manifests = sources.map((source) => policyManifestOf(source, namespace));
  const resources = manifests.flatMap((manifest) => ("resource" in manifest ? [manifest] : []));
  const stored = (await client.list(tierKind)).items;
  const tiers = [...stored, ...resources.flatMap(({ resource }) => (tierKind.is(resource) ? [resource] : []))];
  for (const { resource, locate } of resources) {
    try {
      checkResource(resource, { related: new Map([["Tier", tiers]]) });
    } catch (error) {
      throw error instanceof ValidationError ? locate(error) : error;
    }
  }
  return manifests;
}

function policyManifestOf(source: SourceDocument, namespace: string): PolicyManifest {
  return readKubernetesManifest(source, namespace) ?? manifestOf(source, namespace);
}
