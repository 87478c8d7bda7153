import { OcicatError } from "@ocicat/kit";
import type { Kind } from "./define-kind.ts";
import { kinds } from "./kinds.ts";

/**
 * Keys of resources in an etcd datastore:
 *
 *     /calico/resources/v3/projectcalico.org/<plural>/<name>
 *     /calico/resources/v3/projectcalico.org/<plural>/<namespace>/<name>
 */
export const RESOURCES_PREFIX = "/calico/resources/v3/projectcalico.org/";

export interface ResourceKey {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Throws OcicatError on an unknown kind, a namespace where none belongs, or none where one does. */
export function resourceKey(kindName: string, name: string, namespace?: string): string {
  const kind = kindOf(kindName);
  if (kind.namespaced !== (namespace !== undefined && namespace !== "")) {
    throw new OcicatError({
      code: "RESOURCE_NAMESPACE",
      what: kind.namespaced
        ? `${kind.kind} ${name} has no namespace`
        : `${kind.kind} ${name} is given the namespace ${namespace}`,
      why: kind.namespaced ? "its kind lives in namespaces" : "its kind is global",
    });
  }
  return `${keyPrefix(kindName)}${kind.namespaced ? `${namespace}/` : ""}${name}`;
}

/** What the keys of a kind begin with (of one namespace, where given): for listing and watching. Throws OcicatError. */
export function keyPrefix(kindName: string, namespace?: string): string {
  const prefix = `${RESOURCES_PREFIX}${kindOf(kindName).plural}/`;
  return namespace === undefined ? prefix : `${prefix}${namespace}/`;
}

/** The inverse of resourceKey; undefined for a key that is not a resource's, or of a kind we do not know. */
export function parseResourceKey(key: string): ResourceKey | undefined {
  if (!key.startsWith(RESOURCES_PREFIX)) return undefined;
  const parts = key.slice(RESOURCES_PREFIX.length).split("/");
  const kind = kinds.find((candidate) => candidate.plural === parts[0]);
  if (kind === undefined || parts.length !== (kind.namespaced ? 3 : 2) || parts.includes("")) return undefined;
  const name = parts.at(-1) ?? "";
  return { kind: kind.kind, name, namespace: kind.namespaced ? parts[1] : undefined };
}

function kindOf(name: string): Kind {
  const kind = kinds.find((candidate) => candidate.kind === name);
  if (kind !== undefined) return kind;
  throw new OcicatError({
    code: "KIND_UNKNOWN",
    what: `there is no kind "${name}"`,
    fix: `use one of ${kinds.map((candidate) => candidate.kind).join(", ")}`,
  });
}
