import { type Offset, TemplateError } from "./error.ts";

/**
 * What a template works on: JSON, structs, and nothing at all (a field that a map does not have). A struct is a resource or
 * a part of one: its fields are known, also those that are not set, and go by Go's names.
 */
export type Value = undefined | null | boolean | number | bigint | string | readonly Value[] | ValueMap | Struct;

export interface ValueMap {
  readonly [key: string]: Value;
}

export class Struct {
  /** What it is called in errors. */
  readonly name: string;
  /** By Go's name in lower case: Go's IPIPMode is JSON's ipipMode. */
  readonly #fields: ReadonlyMap<string, () => Value>;
  /** As they stand in JSON, for printing. */
  readonly members: ValueMap;

  constructor(name: string, fields: ReadonlyMap<string, () => Value>, members: ValueMap) {
    this.name = name;
    this.#fields = fields;
    this.members = members;
  }

  /** Throws TemplateError for a field that it does not have. */
  field(name: string, offset: Offset): Value {
    const field = this.#fields.get(name.toLowerCase());
    if (field === undefined) throw new TemplateError(offset, `a ${this.name} has no field ${name}`);
    return field();
  }
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is ValueMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Struct);
}

export function isNumber(value: Value): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** As Go sees it: zero, the empty text, an empty list or map, nil and nothing are false. */
export function truth(value: Value): boolean {
  if (value instanceof Struct) return true;
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

export function member(map: ValueMap, key: string): Value {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** In the order in which Go prints a map and ranges over it. */
export function sortedKeys(map: ValueMap): readonly string[] {
  return Object.keys(map).sort();
}

/** As Go's `%v`. */
export function format(value: Value): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "number") return formatFloat(value);
  if (isList(value)) return `[${value.map(format).join(" ")}]`;
  if (value instanceof Struct) return format(value.members);
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${format(member(value, key))}`)
      .join(" ")}]`;
  return String(value);
}

/** Go gives an exponent of two digits at least, and one to what is below 0.0001, or has a fraction and is a million or more. */
function formatFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < (Number.isInteger(value) ? 1e21 : 1e6)))
    return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/** What a value is, for errors. */
export function kindOf(value: Value): string {
  if (value === undefined || value === null) return "nil";
  if (value instanceof Struct) return `a ${value.name}`;
  if (isList(value)) return "a list";
  return isMap(value) ? "a map" : isNumber(value) ? "a number" : typeof value === "string" ? "a text" : "true or false";
}
