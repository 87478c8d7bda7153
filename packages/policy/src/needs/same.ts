/**
 * Whether two values of the model say the same: part by part, selectors by their canonical text. What follows from the rest of
 * a value, its methods, is not looked at.
 */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a === "function" && typeof b === "function") return true;
  if (!isObject(a) || !isObject(b)) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((part, at) => same(part, b[at]));
  if (a instanceof Map)
    return b instanceof Map && a.size === b.size && [...a].every(([key, part]) => b.has(key) && same(part, b.get(key)));
  if (isSelector(a)) return isSelector(b) && a["text"] === b["text"];
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isSelector(value: Record<string, unknown>): boolean {
  return typeof value["matches"] === "function";
}
