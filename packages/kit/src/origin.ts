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

export function origin(reason: string, ...resources: readonly ResourceRef[]): Origin {
  return Object.freeze({ reason, resources: Object.freeze(resources.map((ref) => Object.freeze({ ...ref }))) });
}

/** Of an object that several others ask for, each of whom would be reason enough: one's reason, everyone's resources. */
export function mergeOrigins(first: Origin, ...others: readonly Origin[]): Origin {
  const all = new Map(
    [first, ...others].flatMap(({ resources }) => resources.map((ref) => [describeResource(ref), ref])),
  );
  return origin(first.reason, ...all.values());
}

export function describeResource({ kind, name }: ResourceRef): string {
  return `${kind} ${name}`;
}

/** One line: the reason, then the resources in brackets. */
export function describeOrigin({ reason, resources }: Origin): string {
  return resources.length === 0 ? reason : `${reason} [${resources.map(describeResource).join(", ")}]`;
}

/** What is read back without a comment of ours: nobody said why. */
export const UNKNOWN_ORIGIN: Origin = origin("");
