import type { JsonValue } from "@ocicat/kit";
import { isObject, type JsonObject, memberOf, withMember, withoutMember } from "../json.ts";
import { PatchError } from "./error.ts";

/**
 * JSON merge patch (RFC 7386 §2): objects are merged member by member, null removes a member, everything else, lists
 * too, takes the place of what was there.
 */
export function applyMergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  let merged: JsonObject = isObject(target) ? target : {};
  for (const [name, value] of Object.entries(patch)) {
    merged =
      value === null
        ? withoutMember(merged, name)
        : withMember(merged, name, applyMergePatch(memberOf(merged, name), value));
  }
  return merged;
}

/**
 * A strategic merge patch, as it is on resources that declare no strategy for their lists, which is all of ours: a merge
 * patch. What only a strategy could do is refused. Throws PatchError.
 */
export function applyStrategicPatch(target: JsonValue, patch: JsonValue): JsonValue {
  refuseDirectives(patch);
  return applyMergePatch(target, patch);
}

/** `$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`. */
function refuseDirectives(patch: JsonValue): void {
  if (Array.isArray(patch)) for (const item of patch as readonly JsonValue[]) refuseDirectives(item);
  if (!isObject(patch)) return;
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith("$")) {
      const fix = "lists of these kinds are replaced whole: write the whole list, or change one item with -t json";
      throw new PatchError(`"${name}" directs a merge of lists, and these kinds have none`, fix);
    }
    refuseDirectives(value);
  }
}
