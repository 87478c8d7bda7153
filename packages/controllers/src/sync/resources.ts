import { type AnyResource, type Kind, ValidationError } from "@ocicat/api";

/** What is left of metadata when one resource is made after another: who it is, is its own. */
export function withoutIdentity<R extends AnyResource>(resource: R): R {
  const { uid: _uid, resourceVersion: _revision, creationTimestamp: _time, ...metadata } = resource.metadata;
  return { ...resource, metadata };
}

/** A resource of a document we have made ourselves, with the defaults of its kind. Throws ValidationError. */
export function made<R extends AnyResource>(kind: Kind<R>, document: object): R {
  const reading = kind.read(document, "tolerant");
  if (reading.ok) return reading.value;
  throw new ValidationError(kind.kind, reading.problems);
}
