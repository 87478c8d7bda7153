import { DatastoreError, type KeyValue } from "@ocicat/datastore";
import { alreadyExists, conflict, notFound } from "@ocicat/datastore/shared";
import { isOcicatError, type Random } from "@ocicat/kit";
import { ApiError, type ApiObject, type ApiResource, type Place } from "../api/index.ts";
import { type Collection, locate } from "./collection.ts";
import { toDatastoreError } from "./failures.ts";
import { withNonce } from "./nonce.ts";
import type { StoreParts } from "./parts.ts";
import { itemOf, versionOf } from "./rows.ts";

/** How often an unconditional write is repeated that others come between. */
const ATTEMPTS = 20;

export interface WritesOptions extends StoreParts {
  readonly random: Random;
}

/** What stands behind a key. */
export interface Found {
  readonly object: ApiObject;
  /** Undefined: the object is no row, or another's. */
  readonly item: KeyValue | undefined;
  readonly isGone: boolean;
}

/** One key at a time: read, and written by compare-and-swap. All throw DatastoreError. */
export class Writes {
  readonly #options: WritesOptions;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  /** The object behind a key with the row it is; undefined: there is none. */
  async find(key: string): Promise<Found | undefined> {
    const found = locate(this.#options.families, key);
    return found === undefined
      ? undefined
      : await this.#told(key, () => this.#find(key, found.collection, found.place));
  }

  /** Any object, as it is. */
  async object(resource: ApiResource, place: Place): Promise<ApiObject | undefined> {
    return await this.#told(place.name, () => this.#options.client.get(resource, place));
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return rowIn(await this.find(key));
  }

  async create(key: string, value: string): Promise<KeyValue> {
    return await this.#told(key, () => this.#create(key, value));
  }

  async update(key: string, value: string, revision: bigint): Promise<KeyValue> {
    return await this.#told(key, async () => {
      const { collection, place } = this.#located(key);
      try {
        return await this.#write(key, value, collection, place, revision);
      } catch (error) {
        throw await this.#refusal(error, key, revision);
      }
    });
  }

  async put(key: string, value: string): Promise<KeyValue> {
    return await this.#told(key, async () => {
      for (let attempt = 1; ; attempt++) {
        const { item } = (await this.find(key)) ?? {};
        try {
          return await (item === undefined ? this.#create(key, value) : this.update(key, value, item.modRevision));
        } catch (error) {
          if (!isRaceLost(error) || attempt === ATTEMPTS) throw error;
        }
      }
    });
  }

  async delete(key: string, revision: bigint | undefined): Promise<KeyValue> {
    return await this.#told(key, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#delete(key, revision);
        } catch (error) {
          const isFinal = revision !== undefined || !isRaceLost(error) || attempt === ATTEMPTS;
          if (isFinal) throw error;
        }
      }
    });
  }

  async #create(key: string, value: string): Promise<KeyValue> {
    const { client, rows } = this.#options;
    const { collection, place } = this.#located(key);
    if (collection.writing === "part") return await this.#createPart(key, value);
    if (collection.writing === "none") throw readOnly(key);
    const object = collection.objectOf(key, value);
    for (let attempt = 1; ; attempt++) {
      try {
        const created = await client.create(collection.resource, place.namespace, object, collection.parse);
        return rows.read(collection, created)?.item ?? itemOf(key, value, created);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409)) throw noNamespace(error, key, place);
        const found = await this.#find(key, collection, place);
        if (found === undefined && attempt < ATTEMPTS) continue;
        if (found === undefined || !found.isGone || attempt === ATTEMPTS) throw alreadyExists(key, rowIn(found));
        // What was marked and not deleted stands in the way: whoever marked it has ended, or is about to do the same.
        await this.#remove(collection, place, found.object);
      }
    }
  }

  /** The object is Kubernetes' to make; the row is there with it. */
  async #createPart(key: string, _value: string): Promise<KeyValue> {
    const current = await this.get(key);
    if (current !== undefined) throw alreadyExists(key, current);
    throw new DatastoreError("UNAVAILABLE", "cannot be created here", {
      key,
      why: "it follows from an object of Kubernetes, which is not there",
      fix: "wait for kubelet to make the Node, or create the Pod; a node is to have the same name in both",
    });
  }

  async #write(key: string, value: string, collection: Collection, place: Place, revision: bigint): Promise<KeyValue> {
    const { client, rows, random } = this.#options;
    const { resource, parse } = collection;
    const version = revision.toString();
    let written: ApiObject;
    switch (collection.writing) {
      case "none":
        throw readOnly(key);
      case "part": {
        const patch = atVersion(collection.patchOf(key, value), version);
        written = await client.patch(resource, place, patch, { subresource: "status" }, parse);
        break;
      }
      default: {
        const object = atVersion(collection.objectOf(key, value), version);
        written = await client.replace(resource, place, object, parse);
        if (versionOf(written) === revision) {
          written = await client.replace(resource, place, withNonce(object, random.uint32()), parse);
        }
      }
    }
    return rows.read(collection, written)?.item ?? itemOf(key, value, written);
  }

  async #delete(key: string, revision: bigint | undefined): Promise<KeyValue> {
    const { collection, place } = this.#located(key);
    try {
      if (collection.writing === "marked" && revision !== undefined) {
        return await this.#markAndRemove(key, collection, place, revision);
      }
      const found = await this.#find(key, collection, place);
      const item = rowIn(found);
      if (found === undefined || item === undefined) throw notFound(key);
      if (revision !== undefined && item.modRevision !== revision) throw conflict(key, revision, item);
      switch (collection.writing) {
        case "none":
          throw readOnly(key);
        case "part":
          await this.#release(key, collection, place, found.object);
          return item;
        case "marked":
          return await this.#markAndRemove(key, collection, place, item.modRevision);
        case "whole":
          await this.#remove(collection, place, found.object);
          return item;
      }
    } catch (error) {
      throw revision === undefined ? error : await this.#refusal(error, key, revision);
    }
  }

  /** The mark compares; once it stands the row is gone, whoever deletes the object. */
  async #markAndRemove(
    key: string,
    collection: Collection & { readonly writing: "marked" },
    place: Place,
    revision: bigint,
  ): Promise<KeyValue> {
    const { client, rows } = this.#options;
    const { resource, parse, mark } = collection;
    const marked = await client.patch(resource, place, atVersion(mark, revision.toString()), {}, parse);
    const item = rows.read(collection, marked)?.item ?? itemOf(key, "", marked);
    try {
      await this.#remove(collection, place, marked);
    } catch (error) {
      // It counts as deleted; who creates it anew clears it away.
      if (!isOcicatError(error)) throw error;
    }
    return { ...item, value: unmarked(item.value), modRevision: revision };
  }

  async #release(
    key: string,
    collection: Collection & { readonly writing: "part" },
    place: Place,
    object: ApiObject,
  ): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    const released = collection.releaseOf(key) as { readonly metadata: object };
    const patch = { ...released, metadata: { ...released.metadata, uid, resourceVersion } };
    await this.#options.client.patch(collection.resource, place, patch, { subresource: "status" }, collection.parse);
  }

  /** What is not there any more is deleted. */
  async #remove(
    { resource }: Collection,
    place: Place,
    { metadata: { uid, resourceVersion } }: ApiObject,
  ): Promise<void> {
    await this.#options.client.delete(resource, place, { uid, resourceVersion });
  }

  async #find(key: string, collection: Collection, place: Place): Promise<Found | undefined> {
    const { client, rows } = this.#options;
    const object = await client.get(collection.resource, place, collection.parse);
    if (object === undefined) return undefined;
    const read = rows.read(collection, object);
    // Another's, whose name differs in what names of objects cannot tell.
    const isOther = read === undefined || read.item.key !== key;
    return { object, item: isOther ? undefined : read.item, isGone: !isOther && read.isGone };
  }

  /** What a refused write of a version means: the row is another by now, or gone. */
  async #refusal(error: unknown, key: string, revision: bigint): Promise<unknown> {
    if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404)) return error;
    const current = await this.get(key);
    if (current === undefined) return notFound(key);
    // Refused for another reason: the version is the one that was told.
    return current.modRevision === revision && error.status === 409 ? error : conflict(key, revision, current);
  }

  #located(key: string) {
    const found = locate(this.#options.families, key);
    if (found !== undefined) return found;
    throw new DatastoreError("UNSUPPORTED", "cannot be kept in Kubernetes", {
      key,
      why: "there is no resource for it",
    });
  }

  async #told<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw invalid(toDatastoreError(error, key), key);
    }
  }
}

function rowIn(found: Found | undefined): KeyValue | undefined {
  return found === undefined || found.isGone ? undefined : found.item;
}

function atVersion(object: object, resourceVersion: string): object {
  const { metadata = {} } = object as { readonly metadata?: object };
  return { ...object, metadata: { ...metadata, resourceVersion } };
}

const RACE_LOST: ReadonlySet<string> = new Set(["CONFLICT", "ALREADY_EXISTS", "NOT_FOUND"]);

function isRaceLost(error: unknown): boolean {
  return (
    (error instanceof DatastoreError && RACE_LOST.has(error.code)) ||
    (error instanceof ApiError && error.status === 409)
  );
}

/** A value that is no resource's is refused by those who make the object. */
function invalid(error: unknown, key: string): unknown {
  if (error instanceof DatastoreError || !isOcicatError(error) || error.retryable) return error;
  if (error.code === "KUBERNETES_CONFIG") return error;
  return new DatastoreError("INVALID", error.message, { key, cause: error });
}

function noNamespace(error: unknown, key: string, { namespace }: Place): unknown {
  const isMissing =
    error instanceof ApiError && error.status === 404 && error.told.includes(`namespaces "${namespace}"`);
  if (!isMissing) return error;
  return new DatastoreError("INVALID", `there is no namespace "${namespace}"`, {
    key,
    fix: `create it first: kubectl create namespace ${namespace}`,
    cause: error,
  });
}

function readOnly(key: string): DatastoreError {
  return new DatastoreError("UNSUPPORTED", "is read only here", {
    key,
    why: "it follows from an object of Kubernetes",
  });
}

/** As the row was before its mark, which is the last thing that it says. */
function unmarked(value: string): string {
  const [mark, none] = ['"deleted":true', '"deleted":false'];
  const at = value.lastIndexOf(mark);
  return at < 0 ? value : value.slice(0, at) + none + value.slice(at + mark.length);
}
