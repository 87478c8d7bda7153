import { type AnyResource, asCreated, asUpdated, type Birth, checkResource, encodeStored } from "@ocicat/api";
import { isOcicatError } from "@ocicat/kit";
import { BatchError, ResourceError } from "./errors.ts";
import { keyOf, titleOf } from "./names.ts";

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

/** The resources of the kinds concerned, as they are stored. */
export interface StoredState {
  /** By kind, then by key. */
  readonly resources: ReadonlyMap<string, ReadonlyMap<string, AnyResource>>;
  /** By key, why it cannot be read. */
  readonly unreadable: ReadonlyMap<string, string>;
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
      const key = keyOf(resource);
      if (keys.has(key)) throw new ResourceError("RESOURCE_TWICE", titleOf(resource));
      keys.add(key);
      const why = stored.unreadable.get(key);
      if (why !== undefined) throw new ResourceError("RESOURCE_UNREADABLE", titleOf(resource), { why });
      const table = tables.get(resource.kind) ?? new Map<string, AnyResource>();
      return planOne(resource, key, table, options);
    } catch (error) {
      throw isOcicatError(error) ? new BatchError(index, error) : error;
    }
  });
}

function planOne(resource: AnyResource, key: string, table: Map<string, AnyResource>, options: PlanOptions): Step {
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
  const text = encodeStored(complete);
  // Whatever revision it was written for: it is as it should be.
  if (previous !== undefined && text === encodeStored(previous)) return { key, change: "unchanged", text, revision };
  checkVersion(resource, previous);
  checkResource(resource, { previous, others: [...table.values()] });
  table.set(key, complete);
  return { key, change: previous === undefined ? "created" : "updated", text, revision };
}

/** A revision on something that is not there belongs to an older life of it, and says nothing about the new one. */
function checkVersion(resource: AnyResource, previous: AnyResource | undefined): void {
  const wanted = resource.metadata.resourceVersion;
  if (wanted === undefined || previous === undefined || wanted === previous.metadata.resourceVersion) return;
  throw new ResourceError("RESOURCE_CONFLICT", titleOf(resource));
}
