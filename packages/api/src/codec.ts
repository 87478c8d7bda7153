import { type JsonValue, OcicatError, parseJson, toError } from "@ocicat/kit";
import type { Kind } from "./define-kind.ts";
import { toGoJson } from "./ipam/json.ts";
import { knownKind } from "./keys.ts";
import { ValidationError } from "./problem.ts";
import type { AnyResource } from "./resource.ts";
import { isObject, writeObject } from "./schema/index.ts";
import type { ResourceName, Storage } from "./storage.ts";

type JsonObject = { readonly [key: string]: JsonValue };

/** What a datastore says about a key; its KeyValue fits. */
export interface StoredResource {
  readonly key: string;
  readonly value: string;
  readonly modRevision: bigint;
}

/**
 * The value to store: JSON as Calico writes it, fields in its order, without the revision (the store keeps that).
 * Equal resources become equal text. `key`: where it is to stand, if that does not follow from its name. Throws
 * OcicatError KIND_UNKNOWN, and TypeError on a kind that is for looking at only.
 */
export function encodeStored(resource: AnyResource, key?: string): string {
  const kind = knownKind(resource.kind);
  if (kind.readOnly !== undefined) throw new TypeError(`a ${kind.kind} cannot be stored: ${kind.readOnly}`);
  const { resourceVersion: _, ...own } = resource.metadata;
  const metadata = kind.storage.toStoredMetadata?.(own, key) ?? own;
  const document = writeObject(kind.schema, { ...resource, metadata });
  return toGoJson(kind.storage.toStored?.(document) ?? document);
}

/**
 * Reads a stored value: what is declared is checked and completed with defaults, what is not is kept. Integers beyond
 * 2^53 stay exact, as bigint. Throws ValidationError, or OcicatError STORED_JSON_INVALID; `where` is the key. Throws
 * TypeError on a key that is not of the kind: under a kind's prefix there can be others, which storage.parse tells apart.
 */
export function decodeStored<R extends AnyResource>(kind: Kind<R>, stored: StoredResource): R {
  const name = kind.storage.parse(stored.key);
  if (name === undefined) throw new TypeError(`${stored.key} is not the key of a ${kind.kind}`);
  const reading = kind.read(toDocument(kind.storage, name, stored), "tolerant");
  if (!reading.ok) throw new ValidationError(stored.key, reading.problems);
  const metadata = { ...reading.value.metadata, resourceVersion: String(stored.modRevision) };
  return { ...reading.value, metadata };
}

/** The resource as a person sees it (`-o yaml`), with its revision. Throws OcicatError KIND_UNKNOWN. */
export function printableResource(resource: AnyResource): JsonObject {
  return knownKind(resource.kind).show(resource);
}

function toDocument(storage: Storage, name: ResourceName, { key, value }: StoredResource): unknown {
  const stored = parseStored(key, value);
  return storage.fromStored !== undefined && isObject(stored) ? storage.fromStored(stored, name, key) : stored;
}

function parseStored(key: string, value: string): unknown {
  try {
    return parseJson(value);
  } catch (error) {
    throw new OcicatError({
      code: "STORED_JSON_INVALID",
      what: "the stored value is not JSON",
      where: key,
      why: toError(error).message,
      fix: "write the resource again, or delete the key",
      cause: error,
    });
  }
}
