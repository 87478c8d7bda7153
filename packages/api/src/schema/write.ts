import type { JsonValue } from "@ocicat/kit";
import { isObject } from "./read.ts";
import { type MapSchema, type ObjectSchema, type Schema, saysNothing } from "./schema.ts";

type JsonObject = { readonly [key: string]: JsonValue };

/**
 * The JSON value to store or show, in one form whoever made the resource: fields in the schema's order, then those it
 * does not name; maps by key; nothing that says as much as its absence. Equal resources become equal text.
 * Throws TypeError on what JSON cannot hold.
 */
export function writeObject<T>(schema: ObjectSchema<T>, value: T): JsonObject {
  if (!isObject(value)) throw new TypeError("an object was expected");
  const known = Object.entries(schema.fields).flatMap(([name, field]): [string, JsonValue][] => {
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    return member === undefined || saysNothing(field, member) ? [] : [[name, write(field.schema, member)]];
  });
  const unknown = Object.entries(value).filter(([name]) => !Object.hasOwn(schema.fields, name));
  return Object.fromEntries([...known, ...unknown.map(([name, member]) => [name, toJson(member)] as const)]);
}

function write(schema: Schema<unknown>, value: unknown): JsonValue {
  switch (schema.type) {
    case "scalar":
      return toJson(value);
    case "list":
      return Array.isArray(value) ? value.map((item: unknown) => write(schema.item, item)) : toJson(value);
    case "map":
      return isObject(value) ? writeMap(schema, value) : toJson(value);
    case "object":
      return isObject(value) ? writeObject(schema, value) : toJson(value);
  }
}

/** By code unit, which for the ASCII of label keys is Go's order. */
function writeMap(schema: MapSchema<unknown>, value: Readonly<Record<string, unknown>>): JsonObject {
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(sorted.map(([key, member]) => [key, write(schema.value, member)]));
}

function toJson(value: unknown): JsonValue {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "number":
    case "bigint":
      return value;
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map(toJson);
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toJson(member)]));
    default:
      throw new TypeError(`a value of type ${typeof value} cannot be stored`);
  }
}
