/** The version every stored and applied resource names. */
export const API_VERSION = "projectcalico.org/v3";

/** What every resource carries about itself. Order of the fields is the order in which they are stored. */
export interface ObjectMeta {
  /** RFC 1123 DNS subdomain; unique in its kind, or in its kind and namespace. */
  readonly name: string;
  /** Of namespaced kinds only. */
  readonly namespace?: string;
  /** Given by whoever creates the resource, and never changed. */
  readonly uid?: string;
  /** The store's revision of the last write, in decimal. Filled when read, never stored. */
  readonly resourceVersion?: string;
  /** RFC 3339, whole seconds, UTC. */
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A v3 resource in memory: defaults filled in, every declared field checked. Fields we do not know ride along unseen. */
export interface Resource<Spec, Status = unknown, Kind extends string = string> {
  readonly kind: Kind;
  readonly apiVersion: typeof API_VERSION;
  readonly metadata: ObjectMeta;
  readonly spec: Spec;
  readonly status?: Status;
}

/** A resource of a kind that is not known when the code is written. */
export type AnyResource = Resource<object>;
