import { OcicatError } from "@ocicat/kit";
import type { Kind } from "./define-kind.ts";
import { kindNamed, kinds } from "./kinds.ts";

export interface ResourceKey {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

/**
 * The etcd key of a resource. Throws OcicatError: KIND_UNKNOWN; NAMESPACE_WRONG on a namespace where none belongs, or
 * none where one does; KEY_NOT_NAMED for a kind whose keys do not follow from names (list keyPrefix and look).
 */
export function resourceKey(kindName: string, name: string, namespace?: string): string {
  const kind = knownKind(kindName);
  if (kind.namespaced !== (namespace !== undefined && namespace !== "")) {
    throw new OcicatError({
      code: "NAMESPACE_WRONG",
      what: kind.namespaced ? "a namespace is missing" : `the namespace "${namespace}" does not belong here`,
      where: `${kind.kind} ${name}`,
      why: kind.namespaced ? "resources of this kind live in namespaces" : "resources of this kind are global",
    });
  }
  const key = kind.storage.key(name, namespace);
  if (key !== undefined) return key;
  throw new OcicatError({
    code: "KEY_NOT_NAMED",
    what: "its key does not follow from its name",
    where: `${kind.kind} ${name}`,
    fix: `list ${kind.storage.prefix()} and look for the name`,
  });
}

/** What the keys of a kind begin with, or of one namespace of it: for listing and watching. Throws KIND_UNKNOWN. */
export function keyPrefix(kindName: string, namespace?: string): string {
  return knownKind(kindName).storage.prefix(namespace);
}

/** The inverse of resourceKey; undefined for a key that is not a resource's, or of a kind we do not know. */
export function parseResourceKey(key: string): ResourceKey | undefined {
  for (const kind of kinds) {
    const found = kind.storage.parse(key);
    if (found !== undefined) return { kind: kind.kind, ...found };
  }
  return undefined;
}

/** Throws OcicatError KIND_UNKNOWN. */
export function knownKind(name: string): Kind {
  const kind = kindNamed(name);
  if (kind !== undefined) return kind;
  throw new OcicatError({
    code: "KIND_UNKNOWN",
    what: `there is no kind "${name}"`,
    fix: `use one of ${kinds.map((candidate) => candidate.kind).join(", ")}`,
  });
}
