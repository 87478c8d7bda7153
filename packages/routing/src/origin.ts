/** A resource as people name it: `IPPool default-ipv4-ippool`, `WorkloadEndpoint default/pod1`. */
export interface ResourceRef {
  readonly kind: string;
  readonly name: string;
}

/** Why a desired object exists: in words, and the resources it follows from. Nothing is programmed without one. */
export interface Origin {
  readonly reason: string;
  readonly resources: readonly ResourceRef[];
}

/** One line: the reason, then the resources in brackets. */
export function describeOrigin(origin: Origin): string {
  const resources = origin.resources.map((ref) => `${ref.kind} ${ref.name}`).join(", ");
  return resources === "" ? origin.reason : `${origin.reason} [${resources}]`;
}
