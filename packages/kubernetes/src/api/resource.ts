/** A collection of objects that the API server keeps, as its address says it. */
export interface ApiResource {
  /** "" for the core's. */
  readonly group: string;
  readonly version: string;
  /** Lower case. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** What a request is allowed or refused by: Kubernetes' verbs. */
export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

/**
 * An object's address, or its collection's:
 *
 *     /api/v1/namespaces/default/pods/web-1/status
 *     /apis/crd.projectcalico.org/v1/ippools/default-ipv4-ippool
 */
export function pathOf(
  { group, version, plural, namespaced }: ApiResource,
  { namespace, name, subresource }: { namespace?: string | undefined; name?: string; subresource?: string | undefined },
): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const inside = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `${root}${inside}/${plural}${object}${subresource === undefined ? "" : `/${subresource}`}`;
}

/** What an API server hands out, of which nothing but its outside is known. */
export interface ApiObject {
  readonly [field: string]: unknown;
  readonly metadata: ApiMetadata;
}

export interface ApiMetadata {
  readonly [field: string]: unknown;
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface ApiList {
  readonly items: readonly ApiObject[];
  /** Of the moment the whole list shows. */
  readonly resourceVersion: string;
  /** Leads to the next page; undefined: this is the last. */
  readonly continue: string | undefined;
}
