import { type JsonValue, parseJson, stringifyJson } from "@ocicat/kit";
import { IpamCorruptError } from "./errors.ts";

export type JsonObject = { readonly [name: string]: JsonValue };

/** Reads the members of one JSON object with their types checked, and remembers which it was asked for. */
export class ObjectReader {
  readonly #key: string;
  readonly #path: string;
  readonly #object: JsonObject;
  readonly #known = new Set<string>();

  constructor(key: string, path: string, object: JsonObject) {
    this.#key = key;
    this.#path = path;
    this.#object = object;
  }

  /** The member, undefined where it is missing or null: Go writes null for an empty pointer, map or slice. */
  value(name: string): Exclude<JsonValue, null> | undefined {
    this.#known.add(name);
    const value = Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
    return value ?? undefined;
  }

  string(name: string): string | undefined {
    const value = this.value(name);
    return value === undefined || typeof value === "string" ? value : this.fail(name, "is not a string");
  }

  boolean(name: string): boolean | undefined {
    const value = this.value(name);
    return value === undefined || typeof value === "boolean" ? value : this.fail(name, "is not true or false");
  }

  /** A non-negative integer that a number holds exactly. */
  count(name: string): number | undefined {
    const value = this.value(name);
    return value === undefined || isCount(value) ? value : this.fail(name, "is not a non-negative integer");
  }

  /** An unsigned 64-bit integer. */
  uint64(name: string): bigint | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : (toUint64(value) ?? this.fail(name, "is not an unsigned 64-bit integer"));
  }

  array(name: string): readonly JsonValue[] | undefined {
    const value = this.value(name);
    return value === undefined || isArray(value) ? value : this.fail(name, "is not an array");
  }

  object(name: string): JsonObject | undefined {
    const value = this.value(name);
    return value === undefined || isObject(value) ? value : this.fail(name, "is not an object");
  }

  /** What was not asked for: fields of a later version, kept when the value is written again. */
  rest(): JsonObject {
    return Object.fromEntries(Object.entries(this.#object).filter(([name]) => !this.#known.has(name)));
  }

  fail(name: string, what: string): never {
    throw new IpamCorruptError(this.#key, `${this.#path}${name}`, what);
  }
}

/** Throws IpamCorruptError unless `text` is a JSON object. */
export function readObject(key: string, text: string): ObjectReader {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new IpamCorruptError(key, "", `the value is not JSON: ${excerpt(text)}`, cause);
  }
  if (!isObject(value)) throw new IpamCorruptError(key, "", `the value is not a JSON object: ${excerpt(text)}`);
  return new ObjectReader(key, "", value);
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function toUint64(value: JsonValue): bigint | undefined {
  const integer = typeof value === "bigint" ? value : isCount(value) ? BigInt(value) : undefined;
  return integer !== undefined && integer >= 0n && integer < 2n ** 64n ? integer : undefined;
}

/**
 * JSON as Go's encoding/json writes it: `<`, `>`, `&`, U+2028 and U+2029 escaped, so that a value that nobody changed
 * stays the same bytes.
 */
export function toGoJson(value: JsonValue): string {
  return stringifyJson(value).replaceAll(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** An object from members already encoded, in the order given; a member that is undefined is left out. */
export function joinObject(
  members: readonly (readonly [name: string, json: string | undefined])[],
  rest: JsonObject,
): string {
  const parts: string[] = [];
  for (const [name, json] of members) if (json !== undefined) parts.push(`"${name}":${json}`);
  for (const [name, value] of Object.entries(rest)) parts.push(`${toGoJson(name)}:${toGoJson(value)}`);
  return `{${parts.join(",")}}`;
}

/** Go writes the keys of a map sorted as text: "10" before "2". */
export function joinMap(entries: Iterable<readonly [key: string, json: string]>): string {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${sorted.map(([key, json]) => `${toGoJson(key)}:${json}`).join(",")}}`;
}

function excerpt(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 57)}...`);
}
