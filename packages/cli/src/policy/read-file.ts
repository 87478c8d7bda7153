import { type AnyResource, checkResource, tier as tierKind, ValidationError } from "@ocicat/api";
import type { Opened } from "../connect/datastore.ts";
import { type Manifest, readManifests } from "../input/manifests.ts";
import { DEFAULT_NAMESPACE, type FileOptions, type NamespaceOptions } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";

/**
 * What is to be looked at as if it were applied: refused for what apply would refuse it for, a tier that does not exist among
 * it. Throws OcicatError MANIFEST_…, ValidationError.
 */
export async function readPolicyFile(
  surroundings: Surroundings,
  { client }: Pick<Opened, "client">,
  { filename, recursive = false, namespace = DEFAULT_NAMESPACE }: FileOptions & NamespaceOptions,
): Promise<readonly Manifest[]> {
  if (filename === undefined) return [];
  const manifests = await readManifests(surroundings, { filename, recursive, namespace });
  const stored = (await client.list(tierKind)).items;
  const tiers: readonly AnyResource[] = [
    ...stored,
    ...manifests.map(({ resource }) => resource).filter((resource) => tierKind.is(resource)),
  ];
  for (const { resource, locate } of manifests) {
    try {
      checkResource(resource, { related: new Map([["Tier", tiers]]) });
    } catch (error) {
      throw error instanceof ValidationError ? locate(error) : error;
    }
  }
  return manifests;
}
