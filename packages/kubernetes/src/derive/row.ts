import { type AnyResource, encodeStored, resourceKey } from "@ocicat/api";

/** What follows from an object: a row of the store, as it would stand in etcd. */
export interface DerivedRow {
  readonly key: string;
  /** JSON. */
  readonly value: string;
  /** What the object says that cannot be kept to, and was left out: a sentence each, for a log. */
  readonly problems: readonly string[];
}

export function rowOf(resource: AnyResource, problems: readonly string[] = []): DerivedRow {
  const { name, namespace } = resource.metadata;
  return { key: resourceKey(resource.kind, name, namespace), value: encodeStored(resource), problems };
}

/** What to write of an object's metadata, as a merge patch (RFC 7396): null removes. */
export interface AnnotationPatch {
  readonly metadata: { readonly annotations: Readonly<Record<string, string | null>> };
}

export function patchOf(annotations: Readonly<Record<string, string | null>>): AnnotationPatch {
  return { metadata: { annotations } };
}
