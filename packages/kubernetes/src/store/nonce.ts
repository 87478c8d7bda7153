/**
 * Kubernetes does not store a write that changes nothing: the version stays, and who compares it would not notice that there
 * was one. Such a write is made a change by a number that nobody reads.
 */
export const NONCE = "ocicat.io/write";

/** The object with another number. */
export function withNonce(object: object, nonce: number): object {
  const { metadata } = object as { readonly metadata: { readonly annotations?: object } };
  const annotations = { ...metadata.annotations, [NONCE]: nonce.toString(16) };
  return { ...object, metadata: { ...metadata, annotations } };
}
