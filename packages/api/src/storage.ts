import type { JsonValue } from "@ocicat/kit";
import type { AnyResource, ObjectMeta } from "./resource.ts";

/**
 * Where a kind's resources are in an etcd datastore, and what form they have there. Nearly all of them:
 *
 *     /calico/resources/v3/projectcalico.org/<plural>/<name>
 *     /calico/resources/v3/projectcalico.org/<plural>/<namespace>/<name>
 *
 * with the resource itself as the value.
 */
export const RESOURCES_PREFIX = "/calico/resources/v3/projectcalico.org/";

export interface ResourceName {
  readonly name: string;
  readonly namespace: string | undefined;
}

type Document = { readonly [key: string]: JsonValue };

export interface Storage {
  /** What the keys begin with; those of one namespace, where given. For listing and watching. */
  readonly prefix: (namespace?: string) => string;
  /** The key of one; undefined where it does not follow from the name, so that one has to list and look. */
  readonly key: (name: string, namespace: string | undefined) => string | undefined;
  /** Whose key it is; undefined if not this kind's. */
  readonly parse: (key: string) => ResourceName | undefined;
  /** The resource's document from the stored value, of another form than the resource itself. */
  readonly fromStored?: (stored: Readonly<Record<string, unknown>>, name: ResourceName, key: string) => unknown;
  /** The stored value from the resource's document. */
  readonly toStored?: (document: Document) => Document;
  /** The metadata to store; the key is the one that follows from the name unless given. */
  readonly toStoredMetadata?: (metadata: ObjectMeta, key: string | undefined) => ObjectMeta;
  /** Another key under which the resource of this name may stand, for a kind whose keys were once made in another way. */
  readonly elsewhere?: (name: string, namespace: string | undefined) => Elsewhere;
}

export interface Elsewhere {
  readonly key: string;
  /** Whether what stands there is the one that is meant. */
  readonly isMeant: (resource: AnyResource) => boolean;
}

/** As itself, under its plural. */
export function resourceStorage(plural: string, namespaced: boolean): Storage {
  const root = `${RESOURCES_PREFIX}${plural}/`;
  return Object.freeze({
    prefix: (namespace?: string) => (namespace === undefined ? root : `${root}${namespace}/`),
    key: (name: string, namespace: string | undefined) => `${root}${namespaced ? `${namespace}/` : ""}${name}`,
    parse(key: string) {
      if (!key.startsWith(root)) return undefined;
      const parts = key.slice(root.length).split("/");
      if (parts.length !== (namespaced ? 2 : 1) || parts.includes("")) return undefined;
      return { name: parts.at(-1) ?? "", namespace: namespaced ? parts[0] : undefined };
    },
  });
}
