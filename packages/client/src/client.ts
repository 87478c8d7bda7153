import {
  type AnyResource,
  asCreated,
  asUpdated,
  checkResource,
  decodeStored,
  encodeStored,
  type Kind,
  kindNamed,
  randomUid,
} from "@ocicat/api";
import { type Datastore, DatastoreError, type KeyValue } from "@ocicat/datastore";
import { type Clock, OcicatError, type Random, toError } from "@ocicat/kit";
import { ResourceError } from "./errors.ts";

export interface ResourceClientOptions {
  readonly store: Datastore;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ResourceList<R extends AnyResource> {
  /** In order of key: namespace, then name. */
  readonly items: readonly R[];
  readonly revision: bigint;
  /** Stored values that cannot be read, each with its key and reason: shown, never silently left out. */
  readonly unreadable: readonly { readonly key: string; readonly reason: string }[];
}

export interface ApplyOutcome<R extends AnyResource> {
  readonly resource: R;
  readonly change: "created" | "updated" | "unchanged";
}

/** A lost race is tried again on the newer resource this often before it is reported. */
const ATTEMPTS = 10;

/**
 * Resources over a datastore, with the rules that need more than the resource itself: what is immutable, what may not
 * overlap. Every write is a compare-and-swap; a resource that carries a resourceVersion is written only over that one.
 */
export class ResourceClient {
  readonly #store: Datastore;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: ResourceClientOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Throws ResourceError RESOURCE_NOT_FOUND. */
  async get<R extends AnyResource>(kind: Kind<R>, name: string, namespace?: string): Promise<R> {
    const found = await this.find(kind, name, namespace);
    if (found === undefined) throw new ResourceError("RESOURCE_NOT_FOUND", title(kind, name, namespace));
    return found;
  }

  async find<R extends AnyResource>(kind: Kind<R>, name: string, namespace?: string): Promise<R | undefined> {
    const key = kind.storage.key(name, namespace);
    if (key === undefined) {
      const list = await this.list(kind, namespace);
      return list.items.find((item) => item.metadata.name === name);
    }
    const item = await this.#store.get(key);
    return item === undefined ? undefined : decodeStored(kind, item);
  }

  async list<R extends AnyResource>(kind: Kind<R>, namespace?: string): Promise<ResourceList<R>> {
    const found = await this.#store.list(kind.storage.prefix(namespace));
    const items: R[] = [];
    const unreadable: { key: string; reason: string }[] = [];
    for (const item of found.items) {
      if (kind.storage.parse(item.key) === undefined) continue;
      try {
        items.push(decodeStored(kind, item));
      } catch (error) {
        unreadable.push({ key: item.key, reason: toError(error).message });
      }
    }
    return { items, revision: found.revision, unreadable };
  }

  /** Throws ResourceError RESOURCE_EXISTS, or ValidationError. */
  async create<R extends AnyResource>(resource: R): Promise<R> {
    const kind = kindOf(resource);
    await this.#check(kind, resource, undefined);
    const complete = asCreated(resource, { uid: randomUid(this.#random), now: this.#clock.now() });
    try {
      return this.#decoded(kind, await this.#store.create(keyOf(kind, resource), encodeStored(complete)));
    } catch (error) {
      if (isDatastoreError(error, "ALREADY_EXISTS")) throw new ResourceError("RESOURCE_EXISTS", titleOf(resource), error);
      throw error;
    }
  }

  /** Over what is there. Throws ResourceError RESOURCE_NOT_FOUND or RESOURCE_CONFLICT, or ValidationError. */
  async replace<R extends AnyResource>(resource: R): Promise<ApplyOutcome<R>> {
    const kind = kindOf(resource);
    for (let attempt = 1; ; attempt++) {
      const previous = await this.get(kind, resource.metadata.name, resource.metadata.namespace);
      const wanted = resource.metadata.resourceVersion;
      if (wanted !== undefined && wanted !== previous.metadata.resourceVersion) {
        throw new ResourceError("RESOURCE_CONFLICT", titleOf(resource));
      }
      await this.#check(kind, resource, previous);
      const complete = asUpdated(resource, previous);
      const text = encodeStored(complete);
      if (text === encodeStored(previous)) return { resource: previous as R, change: "unchanged" };
      try {
        const revision = BigInt(previous.metadata.resourceVersion ?? "0");
        return {
          resource: this.#decoded<R>(kind, await this.#store.update(keyOf(kind, resource), text, revision)),
          change: "updated",
        };
      } catch (error) {
        const lost = isDatastoreError(error, "CONFLICT");
        if (!lost) throw error;
        if (wanted !== undefined || attempt === ATTEMPTS) throw new ResourceError("RESOURCE_CONFLICT", titleOf(resource), error);
      }
    }
  }

  /** Creates it, or replaces what is there. */
  async apply<R extends AnyResource>(resource: R): Promise<ApplyOutcome<R>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.replace(resource);
      } catch (error) {
        if (!(error instanceof ResourceError && error.code === "RESOURCE_NOT_FOUND")) throw error;
      }
      try {
        // A revision on something that is not there any more belongs to an older life of it.
        return { resource: await this.create(resource), change: "created" };
      } catch (error) {
        const raced = error instanceof ResourceError && error.code === "RESOURCE_EXISTS" && attempt < ATTEMPTS;
        if (!raced) throw error;
      }
    }
  }

  /** Throws ResourceError RESOURCE_NOT_FOUND, or RESOURCE_CONFLICT if `revision` is given and is not the stored one. */
  async delete(kind: Kind, name: string, namespace?: string, revision?: bigint): Promise<void> {
    const key = kind.storage.key(name, namespace);
    if (key === undefined) throw new ResourceError("RESOURCE_NOT_FOUND", title(kind, name, namespace));
    try {
      await this.#store.delete(key, revision);
    } catch (error) {
      if (isDatastoreError(error, "NOT_FOUND")) throw new ResourceError("RESOURCE_NOT_FOUND", title(kind, name, namespace), error);
      if (isDatastoreError(error, "CONFLICT")) throw new ResourceError("RESOURCE_CONFLICT", title(kind, name, namespace), error);
      throw error;
    }
  }

  async #check(kind: Kind, resource: AnyResource, previous: AnyResource | undefined): Promise<void> {
    const others = await this.list(kind);
    checkResource(resource, { previous, others: others.items });
  }

  #decoded<R extends AnyResource>(kind: Kind, item: KeyValue): R {
    // The kind was found by the resource's own name: what it decodes is of that type.
    return decodeStored(kind, item) as R;
  }
}

function kindOf(resource: AnyResource): Kind {
  const kind = kindNamed(resource.kind);
  if (kind === undefined) throw new OcicatError({ code: "KIND_UNKNOWN", what: `there is no kind "${resource.kind}"` });
  return kind;
}

function keyOf(kind: Kind, resource: AnyResource): string {
  const key = kind.storage.key(resource.metadata.name, resource.metadata.namespace);
  if (key !== undefined) return key;
  throw new OcicatError({ code: "RESOURCE_READ_ONLY", what: `${titleOf(resource)} cannot be written`, why: "the system keeps it itself" });
}

function isDatastoreError(error: unknown, code: DatastoreError["code"]): boolean {
  return error instanceof DatastoreError && error.code === code;
}

function title(kind: Kind, name: string, namespace: string | undefined): string {
  return `${kind.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

function titleOf(resource: AnyResource): string {
  const { name, namespace } = resource.metadata;
  return `${resource.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}
