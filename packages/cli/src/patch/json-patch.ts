import { type JsonValue, stringifyJson } from "@ocicat/kit";
import { isEqual, isList, isObject, type JsonObject, memberOf, withMember, withoutMember } from "../json.ts";
import { PatchError } from "./error.ts";
import { formatPointer, type Pointer, parsePointer } from "./pointer.ts";

/**
 * JSON patch (RFC 6902): operations one after the other, each on what those before it have made. All of them or none: a
 * document is never changed in place. Throws PatchError, with the operation's number from 1.
 */
export function applyJsonPatch(document: JsonValue, patch: JsonValue): JsonValue {
  if (!isList(patch)) {
    throw new PatchError(
      "a JSON patch is a list of operations",
      'such as [{"op":"remove","path":"/spec/nodeSelector"}]',
    );
  }
  return patch.reduce((target: JsonValue, operation, index) => {
    try {
      return apply(target, operation);
    } catch (error) {
      throw error instanceof PatchError ? new PatchError(`operation ${index + 1}: ${error.message}`) : error;
    }
  }, document);
}

const OPERATIONS: Readonly<Record<string, (target: JsonValue, operation: JsonObject, path: Pointer) => JsonValue>> = {
  add: (target, operation, path) => add(target, path, newValue(operation)),
  remove,
  replace: (target, operation, path) => {
    const value = newValue(operation);
    return path.length === 0 ? value : add(remove(target, operation, path), path, value);
  },
  move(target, operation, path) {
    const from = pointerIn(operation, "from");
    if (path.length > from.length && from.every((token, index) => token === path[index]))
      throw new PatchError(`${formatPointer(from)} cannot be moved into itself`);
    const value = find(target, from);
    return add(remove(target, operation, from), path, value);
  },
  copy: (target, operation, path) => add(target, path, find(target, pointerIn(operation, "from"))),
  test(target, operation, path) {
    const [found, expected] = [find(target, path), newValue(operation)];
    if (isEqual(found, expected)) return target;
    throw new PatchError(`${formatPointer(path)} is ${stringifyJson(found)}, not ${stringifyJson(expected)}`);
  },
};

function apply(target: JsonValue, operation: JsonValue): JsonValue {
  if (!isObject(operation)) throw new PatchError("it is not an object");
  const op = memberOf(operation, "op");
  const run = typeof op === "string" && Object.hasOwn(OPERATIONS, op) ? OPERATIONS[op] : undefined;
  if (run === undefined) {
    throw new PatchError(
      `its op is ${stringifyJson(op) ?? "missing"}`,
      `use one of ${Object.keys(OPERATIONS).join(", ")}`,
    );
  }
  return run(target, operation, pointerIn(operation, "path"));
}

function pointerIn(operation: JsonObject, name: "path" | "from"): Pointer {
  const text = memberOf(operation, name);
  if (typeof text !== "string") throw new PatchError(`its ${name} is missing, or is not text`);
  return parsePointer(text);
}

function newValue(operation: JsonObject): JsonValue {
  const value = memberOf(operation, "value");
  if (value === undefined) throw new PatchError("its value is missing");
  return value;
}

function find(target: JsonValue, path: Pointer): JsonValue {
  return path.reduce((value: JsonValue, token, depth) => {
    const found = isList(value)
      ? value[indexIn(value, token, value.length - 1)]
      : isObject(value)
        ? memberOf(value, token)
        : undefined;
    return found ?? (found === null ? null : missing(path.slice(0, depth + 1)));
  }, target);
}

function add(target: JsonValue, path: Pointer, value: JsonValue): JsonValue {
  find(target, path.slice(0, -1));
  return changed(target, path, value, (container, token) => {
    if (isObject(container)) return withMember(container, token, value);
    const index = token === "-" ? container.length : indexIn(container, token, container.length);
    return container.toSpliced(index, 0, value);
  });
}

function remove(target: JsonValue, _operation: JsonObject, path: Pointer): JsonValue {
  if (path.length === 0) throw new PatchError("the whole document cannot be removed");
  find(target, path);
  return changed(target, path, target, (container, token) =>
    isObject(container)
      ? withoutMember(container, token)
      : container.toSpliced(indexIn(container, token, container.length - 1), 1),
  );
}

/** The document with the container of what `path` names, which is there, made anew; `whole` if that is the document itself. */
function changed(
  target: JsonValue,
  path: Pointer,
  whole: JsonValue,
  change: (container: JsonObject | readonly JsonValue[], token: string) => JsonValue,
  depth = 0,
): JsonValue {
  const token = path[depth];
  if (token === undefined) return whole;
  if (!isObject(target) && !isList(target)) return missing(path.slice(0, depth + 1));
  if (depth === path.length - 1) return change(target, token);
  const inner = changed(find(target, [token]), path, whole, change, depth + 1);
  return isObject(target)
    ? withMember(target, token, inner)
    : target.with(indexIn(target, token, target.length - 1), inner);
}

/** RFC 6901 §4: digits without a leading zero. */
function indexIn(list: readonly JsonValue[], token: string, last: number): number {
  const index = /^(?:0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  if (index <= last) return index;
  throw new PatchError(`"${token}" is no index of a list of ${list.length}`);
}

function missing(path: Pointer): never {
  throw new PatchError(`there is no ${formatPointer(path)}`);
}
