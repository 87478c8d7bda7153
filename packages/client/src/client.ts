import {
  type AnyResource,
  type Birth,
  blocksPrefix,
  decodeStored,
  type Kind,
  knownKind,
  parseIpamKey,
  randomUid,
} from "@ocicat/api";
import type { Datastore, KeyValue } from "@ocicat/datastore";
import { type Clock, type OcicatError, type Random, toError } from "@ocicat/kit";
import type { Prefix } from "@ocicat/net";
import { commitWrites, type Write } from "./commit.ts";
import { checkItems, type Deletion, deletionKeys } from "./deletions.ts";
import { BatchError, ResourceError, type ResourceErrorCode } from "./errors.ts";
import { checkKept } from "./kept.ts";
import { keyOf, ownKey, title, titleOf } from "./names.ts";
import { type Change, planWrites, type Step, type StoredState, type WriteVerb } from "./plan.ts";
import { relatedKinds, withBuiltIn } from "./related.ts";

export interface ResourceClientOptions {
  readonly store: Datastore;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ResourceList<R extends AnyResource> {
  /** In order of key, namespace, then name, or in that of the kind; those that are built in among them, without uid. */
  readonly items: readonly R[];
  readonly revision: bigint;
  /** Stored values that cannot be read, each with its key and reason: shown, never silently left out. */
  readonly unreadable: readonly { readonly key: string; readonly reason: string }[];
}

export interface ApplyOutcome<R extends AnyResource> {
  readonly resource: R;
  readonly change: "created" | "updated" | "unchanged";
}

interface Entry<R extends AnyResource> {
  readonly key: string;
  readonly resource: R;
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
    const key = ownKey(kind, name, namespace);
    if (key === undefined) {
      const list = await this.list(kind, namespace);
      return list.items.find((item) => item.metadata.name === name && item.metadata.namespace === namespace);
    }
    const item = (await this.#store.get(key)) ?? (await this.#elsewhere(kind, name, namespace));
    return item === undefined ? kind.builtIn.find(({ metadata }) => metadata.name === name) : decodeStored(kind, item);
  }

  async list<R extends AnyResource>(kind: Kind<R>, namespace?: string): Promise<ResourceList<R>> {
    const { entries, revision, unreadable } = await this.#read(kind, namespace);
    const items = withBuiltIn(
      kind,
      entries.map(({ resource }) => resource),
    );
    return { items: kind.compare === undefined ? items : items.toSorted(kind.compare), revision, unreadable };
  }

  /** Throws ResourceError RESOURCE_EXISTS, or ValidationError. */
  async create<R extends AnyResource>(resource: R): Promise<R> {
    return (await this.#writeOne("create", resource)).resource;
  }

  /** Over what is there. Throws ResourceError RESOURCE_NOT_FOUND or RESOURCE_CONFLICT, or ValidationError. */
  replace<R extends AnyResource>(resource: R): Promise<ApplyOutcome<R>> {
    return this.#writeOne("replace", resource);
  }

  /** Creates it, or replaces what is there. Throws as create and replace do. */
  apply<R extends AnyResource>(resource: R): Promise<ApplyOutcome<R>> {
    return this.#writeOne("apply", resource);
  }

  /**
   * Reads it, and writes what `change` makes of it over exactly what was read; once more with the newer one where somebody
   * was faster. A resourceVersion that `change` puts in is the caller's: a conflict with it is final. Throws as replace does,
   * and what `change` throws.
   */
  async modify<R extends AnyResource>(
    kind: Kind<R>,
    name: string,
    namespace: string | undefined,
    change: (present: R) => R,
  ): Promise<ApplyOutcome<R>> {
    for (let attempt = 1; ; attempt++) {
      const present = await this.get(kind, name, namespace);
      const wanted = change(present);
      try {
        // What is built in is stored by its first change.
        const verb = present.metadata.resourceVersion === undefined ? "create" : "replace";
        return await this.#writeOne(verb, wanted);
      } catch (error) {
        const isLost = error instanceof ResourceError && RACE_LOST.has(error.code);
        const isOurs = wanted.metadata.resourceVersion === present.metadata.resourceVersion;
        if (!isLost || !isOurs || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * All of them or none, in one transaction; only where the datastore has none, or beyond what one takes, one by one
   * after all were checked. Returns what happened to each. Throws BatchError.
   */
  async writeAll(
    verb: WriteVerb,
    resources: readonly AnyResource[],
    options: { readonly skipExisting?: boolean } = {},
  ): Promise<readonly Change[]> {
    const { steps } = await this.#write(verb, resources, options.skipExisting === true);
    return steps.map((step) => step.change);
  }

  /** Throws ResourceError RESOURCE_NOT_FOUND, or RESOURCE_CONFLICT if it is not at `resourceVersion`. */
  async delete(kind: Kind, name: string, namespace?: string, resourceVersion?: string): Promise<void> {
    await unwrapped(this.deleteAll([{ kind, name, namespace, resourceVersion }]));
  }

  /** What deleteAll would refuse, before anything is done that goes with a deletion. Throws BatchError. */
  async checkDeletions(
    deletions: readonly Deletion[],
    options: { readonly skipMissing?: boolean } = {},
  ): Promise<readonly ("present" | "missing")[]> {
    await this.#checkKept(deletions);
    const items = await this.#itemsOf(deletions, options.skipMissing === true);
    return items.map((item) => (item === undefined ? "missing" : "present"));
  }

  /** All of them or none, as with writeAll. Throws BatchError. */
  async deleteAll(
    deletions: readonly Deletion[],
    options: { readonly skipMissing?: boolean } = {},
  ): Promise<readonly ("deleted" | "skipped")[]> {
    for (let attempt = 1; ; attempt++) {
      await this.#checkKept(deletions);
      const items = await this.#itemsOf(deletions, options.skipMissing === true);
      const writes = items.flatMap((item, index) =>
        item === undefined
          ? []
          : [{ index, key: item.key, revision: item.modRevision, operation: { delete: item.key } }],
      );
      const revisions = await commitWrites(this.#store, writes);
      if (revisions !== undefined) return items.map((item) => (item === undefined ? "skipped" : "deleted"));
      if (attempt === ATTEMPTS) throw lostRace(deletions[0]);
    }
  }

  async #writeOne<R extends AnyResource>(verb: WriteVerb, resource: R): Promise<ApplyOutcome<R>> {
    const { steps, revisions } = await unwrapped(this.#write(verb, [resource], false));
    const [step] = steps;
    if (step === undefined || step.change === "skipped") throw new Error("a batch of one has one step, which is taken");
    const stored = { key: step.key, value: step.text, modRevision: revisions.get(0) ?? step.revision ?? 0n };
    // What was written is of the type of what was given: the kind is found by its own name.
    return { resource: decodeStored(knownKind(resource.kind), stored) as R, change: step.change };
  }

  async #write(verb: WriteVerb, resources: readonly AnyResource[], skipExisting: boolean) {
    const birth = (): Birth => ({ uid: randomUid(this.#random), now: this.#clock.now() });
    for (let attempt = 1; ; attempt++) {
      const stored = await this.#storedState(resources);
      const steps = planWrites(resources, stored, { verb, skipExisting, birth });
      const revisions = await commitWrites(this.#store, steps.flatMap(writeOf));
      if (revisions !== undefined) return { steps, revisions };
      if (attempt === ATTEMPTS) throw lostRace(resources[0]);
    }
  }

  async #storedState(resources: readonly AnyResource[]): Promise<StoredState> {
    const kinds = relatedKinds(resources.map((resource) => knownKind(resource.kind)));
    const lists = await Promise.all(kinds.map(async (kind) => ({ kind, ...(await this.#read(kind)) })));
    const byKey = (entries: readonly Entry<AnyResource>[]) =>
      new Map(entries.map(({ key, resource }) => [key, resource] as const));
    const there = new Set(lists.flatMap(({ entries }) => entries.map(({ key }) => key)));
    const looks = resources.some((each) => knownKind(each.kind).seesBlocks && !there.has(keyOf(each)));
    return {
      resources: new Map(lists.map(({ kind, entries }) => [kind.kind, byKey(entries)] as const)),
      unreadable: new Map(lists.flatMap((list) => list.unreadable.map(({ key, reason }) => [key, reason] as const))),
      // There may be many, and only what is new is compared with them.
      blocks: looks ? await this.#blocks() : [],
    };
  }

  async #blocks(): Promise<readonly Prefix[]> {
    const { items } = await this.#store.list(blocksPrefix());
    return items.flatMap(({ key }) => {
      const parsed = parseIpamKey(key);
      return parsed?.kind === "block" ? [parsed.prefix] : [];
    });
  }

  async #read<R extends AnyResource>(kind: Kind<R>, namespace?: string) {
    const found = await this.#store.list(kind.storage.prefix(namespace));
    const entries: Entry<R>[] = [];
    const unreadable: { key: string; reason: string }[] = [];
    for (const item of found.items) {
      if (kind.storage.parse(item.key) === undefined) continue;
      try {
        entries.push({ key: item.key, resource: decodeStored(kind, item) });
      } catch (error) {
        unreadable.push({ key: item.key, reason: toError(error).message });
      }
    }
    return { entries, unreadable, revision: found.revision };
  }

  /** The one of this name that stands under another key, where the kind has such. */
  async #elsewhere(kind: Kind, name: string, namespace: string | undefined): Promise<KeyValue | undefined> {
    const other = kind.storage.elsewhere?.(name, namespace);
    const item = other === undefined ? undefined : await this.#store.get(other.key);
    return item !== undefined && other?.isMeant(decodeStored(kind, item)) === true ? item : undefined;
  }

  /** Throws BatchError for one that is kept. What may keep it is read for kinds that name such only. */
  async #checkKept(deletions: readonly Deletion[]): Promise<void> {
    const kinds = [...new Set(deletions.flatMap(({ kind }) => kind.keepers))].map((name) => knownKind(name));
    const lists = await Promise.all(kinds.map(async (kind) => [kind.kind, (await this.#read(kind)).entries] as const));
    const resources = lists.map(([name, entries]) => [name, entries.map(({ resource }) => resource)] as const);
    checkKept(deletions, new Map(resources));
  }

  /** What is stored of each; undefined for one that is missing, where that is no error. */
  async #itemsOf(deletions: readonly Deletion[], skipMissing: boolean): Promise<readonly (KeyValue | undefined)[]> {
    const keys = deletionKeys(deletions);
    const items = await Promise.all(
      deletions.map(async ({ kind, name, namespace }, index) => {
        const key = keys[index];
        if (key === undefined) return undefined;
        return (await this.#store.get(key)) ?? (await this.#elsewhere(kind, name, namespace));
      }),
    );
    checkItems(deletions, items, skipMissing);
    return items;
  }
}

/** It was changed, deleted, or stored for the first time, after it was read. */
const RACE_LOST: ReadonlySet<ResourceErrorCode> = new Set<ResourceErrorCode>([
  "RESOURCE_CONFLICT",
  "RESOURCE_NOT_FOUND",
  "RESOURCE_EXISTS",
]);

function writeOf({ key, change, text, revision }: Step, index: number): readonly Write[] {
  if (change === "unchanged" || change === "skipped") return [];
  return [{ index, key, revision, operation: { put: key, value: text } }];
}

async function unwrapped<T>(batch: Promise<T>): Promise<T> {
  try {
    return await batch;
  } catch (error) {
    throw error instanceof BatchError ? error.reason : error;
  }
}

function lostRace(first: AnyResource | Deletion | undefined): OcicatError {
  const name =
    first === undefined ? "" : "metadata" in first ? titleOf(first) : title(first.kind, first.name, first.namespace);
  return new BatchError(0, new ResourceError("RESOURCE_CONFLICT", name, { why: `${ATTEMPTS} times in a row` }));
}
