import { type AnyResource, type Kind, knownKind } from "@ocicat/api";
import { ResourceError } from "./errors.ts";

/** `IPPool tiny`, `WorkloadEndpoint default/node1-k8s-a-eth0`. */
export function title(kind: Kind, name: string, namespace: string | undefined): string {
  return `${kind.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

export function titleOf(resource: AnyResource): string {
  return title(knownKind(resource.kind), resource.metadata.name, resource.metadata.namespace);
}

/** The key to write a resource to. Throws ResourceError RESOURCE_READ_ONLY, OcicatError KIND_UNKNOWN. */
export function keyOf(resource: AnyResource): string {
  const kind = knownKind(resource.kind);
  const { name, namespace } = resource.metadata;
  const key = ownKey(kind, name, namespace);
  if (key !== undefined && kind.readOnly === undefined) return key;
  const why = kind.readOnly ?? "no resource of this kind can have this name";
  throw new ResourceError("RESOURCE_READ_ONLY", titleOf(resource), { why });
}

/** The key under which exactly this resource is stored; undefined where it does not follow from the name. */
export function ownKey(kind: Kind, name: string, namespace: string | undefined): string | undefined {
  const key = kind.storage.key(name, namespace);
  // A name with a slash, or another name for the one resource that there is, leads to a key that is not its own.
  const owner = key === undefined ? undefined : kind.storage.parse(key);
  return owner?.name === name && owner.namespace === namespace ? key : undefined;
}
