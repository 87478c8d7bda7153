import type { Kind } from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import { BatchError, ResourceError, type ResourceErrorCode } from "./errors.ts";
import { ownKey, title } from "./names.ts";

export interface Deletion {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace?: string | undefined;
  /** Deleted only if it is still this one. */
  readonly resourceVersion?: string | undefined;
}

/** The key of each, where it follows from the name. Throws BatchError for a resource that cannot be deleted. */
export function deletionKeys(deletions: readonly Deletion[]): readonly (string | undefined)[] {
  return deletions.map((deletion, index) => {
    const { kind, name, namespace } = deletion;
    if (kind.readOnly !== undefined) throw refused(index, deletion, "RESOURCE_READ_ONLY", kind.readOnly);
    return ownKey(kind, name, namespace);
  });
}

/**
 * Checks what is stored of each, undefined for one that is missing. Throws BatchError for one that is named twice, if
 * by two names, that is missing, unless that is no error, or that is at another revision than was wanted.
 */
export function checkItems(
  deletions: readonly Deletion[],
  items: readonly (KeyValue | undefined)[],
  skipMissing: boolean,
): void {
  const seen = new Set<string>();
  for (const [index, deletion] of deletions.entries()) {
    const item = items[index];
    const { kind, name, namespace, resourceVersion: wanted } = deletion;
    const key = item?.key ?? `${kind.kind} ${namespace} ${name}`;
    if (seen.has(key)) throw refused(index, deletion, "RESOURCE_TWICE");
    seen.add(key);
    if (item === undefined && !skipMissing) throw refused(index, deletion, "RESOURCE_NOT_FOUND");
    const isAnother = item !== undefined && wanted !== undefined && String(item.modRevision) !== wanted;
    if (isAnother) throw refused(index, deletion, "RESOURCE_CONFLICT");
  }
}

function refused(
  index: number,
  { kind, name, namespace }: Deletion,
  code: ResourceErrorCode,
  why?: string,
): BatchError {
  return new BatchError(index, new ResourceError(code, title(kind, name, namespace), why === undefined ? {} : { why }));
}
