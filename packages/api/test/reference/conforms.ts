import type { JsonValue } from "@ocicat/kit";

type JsonObject = { readonly [key: string]: JsonValue };

/** What a value breaks of a JSON Schema, as `path: keyword`. Knows the keywords that ours use, and refuses others. */
export function violations(schema: JsonValue, value: JsonValue, path = "$"): readonly string[] {
  if (!isObject(schema)) throw new TypeError(`${path}: a schema is an object`);
  return Object.entries(schema).flatMap(([keyword, argument]) => {
    const holds = HOLDS[keyword];
    if (holds !== undefined) return holds(argument, value) ? [] : [`${path}: ${keyword}`];
    const below = BELOW[keyword];
    if (below === undefined) throw new TypeError(`${path}: the keyword ${keyword} is not known`);
    return below(argument, value, schema).flatMap(([step, part, member]) =>
      part === false ? [`${path}${step}: ${keyword}`] : violations(part, member, path + step),
    );
  });
}

/** Keywords that a value fits or does not. Those on another type of value it fits. */
const HOLDS: Readonly<Record<string, (argument: JsonValue, value: JsonValue) => boolean>> = {
  $schema: () => true,
  title: () => true,
  description: () => true,
  default: () => true,
  type: (types, value) => [types].flat().some((type) => isOfType(type, value)),
  enum: (values, value) => listOf(values).includes(value),
  pattern: (pattern, value) =>
    typeof pattern === "string" && (typeof value !== "string" || new RegExp(pattern, "u").test(value)),
  minimum: (minimum, value) => typeof value !== "number" || value >= Number(minimum),
  maximum: (maximum, value) => typeof value !== "number" || value <= Number(maximum),
  anyOf: (schemas, value) => listOf(schemas).some((schema) => violations(schema, value).length === 0),
  required: (names, value) =>
    !isObject(value) || listOf(names).every((name) => Object.keys(value).some((key) => key === name)),
  uniqueItems: (_, value) => new Set(listOf(value)).size === listOf(value).length,
};

type Part = readonly [step: string, schema: JsonValue, value: JsonValue];

/** Keywords that have schemas for what is inside of a value. */
const BELOW: Readonly<Record<string, (argument: JsonValue, value: JsonValue, schema: JsonObject) => readonly Part[]>> =
  {
    properties: (properties, value) =>
      membersOf(value).flatMap(([name, member]) => {
        const schema = isObject(properties) ? properties[name] : undefined;
        return schema === undefined ? [] : [[`.${name}`, schema, member]];
      }),
    additionalProperties: (schema, value, { properties }) =>
      membersOf(value).flatMap(([name, member]) =>
        isObject(properties) && name in properties ? [] : [[`.${name}`, schema, member]],
      ),
    propertyNames: (schema, value) => membersOf(value).map(([name]) => [`.${name}`, schema, name]),
    items: (schema, value) => listOf(value).map((item, index) => [`[${index}]`, schema, item]),
  };

function isOfType(type: JsonValue, value: JsonValue): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  return type === "integer" ? Number.isInteger(value) : typeof value === type;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const listOf = (value: JsonValue): readonly JsonValue[] => (Array.isArray(value) ? value : []);
const membersOf = (value: JsonValue): readonly (readonly [string, JsonValue])[] =>
  isObject(value) ? Object.entries(value) : [];
