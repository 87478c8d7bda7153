import { DatastoreError, type KeyValue, type ListOptions, type ListResult } from "@ocicat/datastore";
import { compareKeys } from "@ocicat/datastore/shared";
import { ApiError, type ApiList } from "../api/index.ts";
import { type Scope, scopesOf } from "./collection.ts";
import { NAMESPACES } from "./core.ts";
import { toDatastoreError } from "./failures.ts";
import type { StoreParts } from "./parts.ts";

/** Objects of one answer: a page of pods is some megabytes. */
const PAGE = 500;
/** Where a list in pages can be gone on with: of the last few, for those who read at once. */
const MAX_PENDING = 64;
/** A list whose version is forgotten between two pages is begun again, this many times. */
const ATTEMPTS = 3;

/**
 * Lists of keys as lists of objects. Those of one collection come page by page as the API server hands them out; a prefix over
 * several collections is listed whole, all of them at the version of the first.
 */
export class Lists {
  readonly #parts: StoreParts;
  /** The server's token for what follows a key, by prefix, version and key. */
  readonly #pending = new Map<string, string>();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /** Throws DatastoreError. */
  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#list(prefix, options);
      } catch (caught) {
        const error = toDatastoreError(caught, prefix, options.revision);
        const mayBeginAgain = options.revision === undefined && attempt < ATTEMPTS;
        if (!(mayBeginAgain && error instanceof DatastoreError && error.code === "COMPACTED")) throw error;
      }
    }
  }

  /** The version of the cluster now, for a key that nothing is behind. */
  async now(): Promise<bigint> {
    return BigInt((await this.#parts.client.list(NAMESPACES, { limit: 1 })).resourceVersion);
  }

  async #list(prefix: string, { revision, limit, after }: ListOptions): Promise<ListResult> {
    const scopes = scopesOf(this.#parts.families, prefix);
    const [only] = scopes;
    // Pages are the server's, which knows names that begin with something as little as keys.
    const isAll = prefix.endsWith("/");
    if (isAll && scopes.length === 1 && only !== undefined && limit !== undefined) {
      const token = after === undefined ? undefined : this.#take(prefix, revision, after);
      if (after === undefined || token !== undefined) return await this.#page(prefix, only, limit, revision, token);
    }
    const items: KeyValue[] = [];
    let at = revision;
    for (const scope of scopes) {
      const listed = await this.#whole(prefix, scope, at);
      at ??= listed.revision;
      for (const item of listed.items) if (after === undefined || compareKeys(item.key, after) > 0) items.push(item);
    }
    items.sort((a, b) => compareKeys(a.key, b.key));
    const isCut = limit !== undefined && items.length > limit;
    return { items: isCut ? items.slice(0, limit) : items, revision: at ?? (await this.now()), more: isCut };
  }

  /** As many as are asked for, or all there are. */
  async #page(
    prefix: string,
    scope: Scope,
    limit: number,
    revision: bigint | undefined,
    token: string | undefined,
  ): Promise<ListResult> {
    const items: KeyValue[] = [];
    let next = token;
    let at = revision;
    do {
      // All objects of an answer are taken: what was left out could not be asked for again.
      const page = await this.#ask(scope, {
        limit: Math.min(limit - items.length, PAGE),
        continue: next,
        revision: at,
      });
      if (page === undefined) return { items: [], revision: at ?? (await this.now()), more: false };
      at ??= BigInt(page.resourceVersion);
      next = page.continue;
      this.#collect(prefix, scope, page, items);
    } while (next !== undefined && items.length < limit);
    items.sort((a, b) => compareKeys(a.key, b.key));
    const last = items.at(-1);
    if (next !== undefined && last !== undefined) this.#keep(prefix, at, last.key, next);
    return { items, revision: at, more: next !== undefined };
  }

  async #whole(prefix: string, scope: Scope, revision: bigint | undefined) {
    const items: KeyValue[] = [];
    let next: string | undefined;
    let at = revision;
    do {
      const page = await this.#ask(scope, { limit: PAGE, continue: next, revision: at });
      if (page === undefined) return { items, revision: at };
      at ??= BigInt(page.resourceVersion);
      next = page.continue;
      this.#collect(prefix, scope, page, items);
    } while (next !== undefined);
    return { items, revision: at };
  }

  #collect(prefix: string, { collection }: Scope, page: ApiList, items: KeyValue[]): void {
    for (const object of page.items) {
      const read = this.#parts.rows.read(collection, object);
      if (read !== undefined && !read.isGone && read.item.key.startsWith(prefix)) items.push(read.item);
    }
  }

  /** Undefined: the server does not know the resource, and need not. */
  async #ask(
    { collection, selection }: Scope,
    page: { readonly limit: number; readonly continue: string | undefined; readonly revision: bigint | undefined },
  ): Promise<ApiList | undefined> {
    const { resource, parse, isOptional } = collection;
    const request = {
      ...selection,
      limit: page.limit,
      continue: page.continue,
      resourceVersion: page.revision?.toString(),
    };
    try {
      return await this.#parts.client.list(resource, request, parse);
    } catch (error) {
      if (isOptional === true && error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #keep(prefix: string, revision: bigint, after: string, token: string): void {
    this.#pending.set(nameOf(prefix, revision, after), token);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest);
  }

  #take(prefix: string, revision: bigint | undefined, after: string): string | undefined {
    if (revision === undefined) return undefined;
    const name = nameOf(prefix, revision, after);
    const token = this.#pending.get(name);
    this.#pending.delete(name);
    return token;
  }
}

function nameOf(prefix: string, revision: bigint, after: string): string {
  return `${prefix}\n${revision}\n${after}`;
}
