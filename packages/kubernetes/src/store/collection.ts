import type { ApiObject, ApiResource, Place, Selection } from "../api/index.ts";
import type { DerivedRow } from "../derive/index.ts";

/** What an object of the API is in the store. */
export interface ObjectRow extends DerivedRow {
  /** It is there only until whoever marked it as deleted has deleted it: for readers it is gone. */
  readonly isMarked?: boolean;
}

/**
 * Objects of one resource of the API as rows of the store, and rows as objects. Which verbs there are follows from `writing`:
 *
 *     whole     a row is an object of ours: create, replace, delete
 *     marked    the same, but that a deletion is a mark first, which compares, and a deletion then (Calico's, of IPAM's objects)
 *     part      a row is part of an object that Kubernetes makes: a write is a patch, a deletion too
 *     none      read only
 */
export type Collection = ReadCollection & (ReadOnly | WholeWriting | MarkedWriting | PartWriting);

interface ReadCollection {
  readonly resource: ApiResource;
  /** Undefined: the object is no row here. Never throws: what of it cannot be read is told in `problems`. */
  readonly rowOf: (object: ApiObject) => ObjectRow | undefined;
  /** The object behind a key; undefined for a key that none can be behind. */
  readonly placeOf: (key: string) => Place | undefined;
  /** What spares the server the objects whose keys do not begin with `prefix`: as much as it can tell. */
  readonly select: (prefix: string) => Selection;
  /** Of the server's text, where numbers of its JSON can be beyond 2^53. */
  readonly parse?: (text: string) => unknown;
  /** A server that does not know the resource has none of it, and that is no failure. */
  readonly isOptional?: boolean;
}

interface ReadOnly {
  readonly writing: "none";
}

interface WholeWriting {
  readonly writing: "whole";
  /** The object to store, without its version. Throws OcicatError on a value that is none of the resource's. */
  readonly objectOf: (key: string, value: string) => object;
}

interface MarkedWriting {
  readonly writing: "marked";
  readonly objectOf: (key: string, value: string) => object;
  /** A merge patch. */
  readonly mark: object;
}

interface PartWriting {
  readonly writing: "part";
  /** Merge patches, of the subresource "status". Throw OcicatError on a value that is none of the resource's. */
  readonly patchOf: (key: string, value: string) => object;
  readonly releaseOf: (key: string) => object;
}

/** Keys with one beginning, and what of the API is behind them. */
export interface Family {
  readonly root: string;
  readonly collections: readonly Collection[];
}

/** What of a family lies below a prefix. */
export interface Scope {
  readonly collection: Collection;
  readonly selection: Selection;
}

/** The families' collections that a prefix touches, in the order of their keys. */
export function scopesOf(families: readonly Family[], prefix: string): readonly Scope[] {
  return families
    .filter(({ root }) => root.startsWith(prefix) || prefix.startsWith(root))
    .flatMap(({ collections }) =>
      collections.map((collection) => ({ collection, selection: collection.select(prefix) })),
    );
}

/** The collection that a key is of, and the object's place in it. */
export function locate(
  families: readonly Family[],
  key: string,
): { readonly collection: Collection; readonly place: Place } | undefined {
  for (const { root, collections } of families) {
    if (!key.startsWith(root)) continue;
    for (const collection of collections) {
      const place = collection.placeOf(key);
      if (place !== undefined) return { collection, place };
    }
  }
  return undefined;
}
