import {
  type AnyResource,
  asCreated,
  asUpdated,
  type Birth,
  checkResource,
  encodeStored,
  knownKind,
} from "@ocicat/api";
import { isOcicatError } from "@ocicat/kit";
import type { Prefix } from "@ocicat/net";
import { BatchError, ResourceError } from "./errors.ts";
import { keyOf, titleOf } from "./names.ts";
import { relatedResources } from "./related.ts";

/** create: it must not be there. replace: it must be. apply: either. */
export type WriteVerb = "create" | "apply" | "replace";

export type Change = "created" | "updated" | "unchanged" | "skipped";

/** What is to be done about one resource. */
export interface Step {
  readonly key: string;
  readonly change: Change;
  readonly text: string;
  /** What the key must be at; undefined: it must not exist. */
  readonly revision: bigint | undefined;
}

export interface PlanOptions {
  readonly verb: WriteVerb;
  /** With create: leave alone what is there. */
  readonly skipExisting: boolean;
  readonly birth: () => Birth;
}

/** The resources of the kinds concerned, and of those that their rules look at, as they are stored. */
export interface StoredState {
  /** By kind, then by key. */
  readonly resources: ReadonlyMap<string, ReadonlyMap<string, AnyResource>>;
  /** By key, why it cannot be read. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** IPAM's, where a kind of the batch looks at them. */
  readonly blocks: readonly Prefix[];
}

/**
 * Decides about all of a batch before any of it is written, each resource seen as if those before it were written
 * already: two pools of one file that overlap are found here. Pure. Throws BatchError.
 */
export function planWrites(
  resources: readonly AnyResource[],
  stored: StoredState,
  options: PlanOptions,
): readonly Step[] {
  const tables = new Map([...stored.resources].map(([kind, byKey]) => [kind, new Map(byKey)]));
  const keys = new Set<string>();
  return resources.map((resource, index) => {
    try {
      const table = tables.get(resource.kind) ?? new Map<string, AnyResource>();
      const key = standingKey(resource, table);
      if (keys.has(key)) throw new ResourceError("RESOURCE_TWICE", titleOf(resource));
      keys.add(key);
      const why = stored.unreadable.get(key);
      if (why !== undefined) throw new ResourceError("RESOURCE_UNREADABLE", titleOf(resource), { why });
      return planOne(resource, key, table, { ...options, tables, blocks: stored.blocks });
    } catch (error) {
      throw isOcicatError(error) ? new BatchError(index, error) : error;
    }
  });
}

/** The key where it stands, if that is another than it would be given today. */
function standingKey(resource: AnyResource, table: ReadonlyMap<string, AnyResource>): string {
  const key = keyOf(resource);
  if (table.has(key)) return key;
  const { name, namespace } = resource.metadata;
  const other = knownKind(resource.kind).storage.elsewhere?.(name, namespace).key;
  return other !== undefined && table.get(other)?.metadata.name === name ? other : key;
}

type Tables = ReadonlyMap<string, ReadonlyMap<string, AnyResource>>;

function planOne(
  resource: AnyResource,
  key: string,
  table: Map<string, AnyResource>,
  options: PlanOptions & { readonly tables: Tables; readonly blocks: readonly Prefix[] },
): Step {
  const previous = table.get(key);
  const { resourceVersion } = previous?.metadata ?? {};
  const revision = resourceVersion === undefined ? undefined : BigInt(resourceVersion);
  if (options.verb === "create" && previous !== undefined) {
    if (!options.skipExisting) throw new ResourceError("RESOURCE_EXISTS", titleOf(resource));
    return { key, change: "skipped", text: "", revision };
  }
  if (options.verb === "replace" && previous === undefined)
    throw new ResourceError("RESOURCE_NOT_FOUND", titleOf(resource));
  const complete = previous === undefined ? asCreated(resource, options.birth()) : asUpdated(resource, previous);
  const text = encodeStored(complete, key);
  // Whatever revision it was written for: it is as it should be.
  if (previous !== undefined && text === encodeStored(previous, key))
    return { key, change: "unchanged", text, revision };
  checkVersion(resource, previous);
  const related = relatedResources(knownKind(resource.kind), options.tables);
  checkResource(resource, { previous, others: [...table.values()], related, blocks: options.blocks });
  table.set(key, complete);
  return { key, change: previous === undefined ? "created" : "updated", text, revision };
}

/** A revision on something that is not there belongs to an older life of it, and says nothing about the new one. */
function checkVersion(resource: AnyResource, previous: AnyResource | undefined): void {
  const wanted = resource.metadata.resourceVersion;
  if (wanted === undefined || previous === undefined || wanted === previous.metadata.resourceVersion) return;
  throw new ResourceError("RESOURCE_CONFLICT", titleOf(resource));
}
