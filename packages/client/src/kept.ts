import type { AnyResource, RelatedResources } from "@ocicat/api";
import type { Deletion } from "./deletions.ts";
import { BatchError, ResourceError } from "./errors.ts";
import { title } from "./names.ts";

/**
 * Finds what may not be deleted, or not yet. Each deletion is seen as if those before it were done: what keeps a thing
 * is to be named before it. Throws BatchError.
 */
export function checkKept(deletions: readonly Deletion[], related: RelatedResources): void {
  const gone: Deletion[] = [];
  for (const [index, deletion] of deletions.entries()) {
    const { kind, name, namespace } = deletion;
    const hindrance = kind.keptBy(name, without(related, gone));
    if (hindrance !== undefined)
      throw new BatchError(index, new ResourceError("RESOURCE_KEPT", title(kind, name, namespace), hindrance));
    gone.push(deletion);
  }
}

function without(related: RelatedResources, gone: readonly Deletion[]): RelatedResources {
  const isGone = ({ kind, metadata }: AnyResource) =>
    gone.some(
      (deletion) =>
        deletion.kind.kind === kind && deletion.name === metadata.name && deletion.namespace === metadata.namespace,
    );
  return new Map([...related].map(([kind, resources]) => [kind, resources.filter((resource) => !isGone(resource))]));
}
