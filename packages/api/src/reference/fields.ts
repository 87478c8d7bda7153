import type { JsonValue } from "@ocicat/kit";
import type { Kind } from "../define-kind.ts";
import type { Field, ObjectSchema, ScalarSchema, Schema } from "../schema/index.ts";
import { isObject, writeObject } from "../schema/index.ts";

/** What there is to say of one field of a kind. */
export interface FieldFacts {
  /** `spec.cidr`, `spec.orchRefs[].nodeName`: `[]` is any item of a list, or any key of a map. */
  readonly path: string;
  readonly name: string;
  /** `string`, `[]integer`, `map[string]string`, `Object`. */
  readonly type: string;
  readonly required: boolean;
  /** What holds where it is not given; undefined if nothing does, or if that depends on other fields. */
  readonly standard: JsonValue | undefined;
  /** What its values must be, as a phrase; undefined where the type says it all. */
  readonly takes: string | undefined;
  readonly description: string;
  /** What it is about, where it is stored and not acted on in this version. */
  readonly storedOnly: string | undefined;
  readonly schema: Schema<unknown>;
  readonly children: readonly FieldFacts[];
}

/** The fields of a kind, each with those below it. */
export function fieldsOf(kind: Kind): readonly FieldFacts[] {
  const sections = new Map(kind.storedOnly.map(({ name, section }) => [`spec.${name}`, section]));
  return factsOf(kind.schema, "", (path) => sections.get(path));
}

/** A field and all below it, in order. */
export function* withDescendants(fields: readonly FieldFacts[]): Iterable<FieldFacts> {
  for (const field of fields) {
    yield field;
    yield* withDescendants(field.children);
  }
}

type SectionOf = (path: string) => string | undefined;

function factsOf(schema: Schema<unknown>, path: string, sectionOf: SectionOf): readonly FieldFacts[] {
  switch (schema.type) {
    case "scalar":
      return [];
    case "list":
      return factsOf(schema.item, `${path}[]`, sectionOf);
    case "map":
      return factsOf(schema.value, `${path}[]`, sectionOf);
    case "object":
      return Object.entries(schema.fields).map(([name, field]) => fieldFacts(schema, name, field, path, sectionOf));
  }
}

function fieldFacts(
  parent: ObjectSchema<unknown>,
  name: string,
  field: Field<unknown>,
  parentPath: string,
  sectionOf: SectionOf,
): FieldFacts {
  const path = parentPath === "" ? name : `${parentPath}.${name}`;
  return {
    path,
    name,
    type: typeName(field.schema),
    required: field.presence === "required",
    standard: standardOf(parent, name, field),
    takes: takes(field.schema),
    description: parent.descriptions[name] ?? "",
    storedOnly: sectionOf(path),
    schema: field.schema,
    children: factsOf(field.schema, path, sectionOf),
  };
}

/** In the form in which it is stored. An object's is no more than those of its fields, and is left to them. */
function standardOf(parent: ObjectSchema<unknown>, name: string, { standard }: Field<unknown>): JsonValue | undefined {
  if (standard === undefined || standard === null || standard === "" || isObject(standard)) return undefined;
  const only = parent.fields[name];
  if (only === undefined) return undefined;
  const bare = { ...parent, fields: { [name]: { ...only, unstored: undefined } } };
  return writeObject(bare, { [name]: standard })[name];
}

export function typeName(schema: Schema<unknown>): string {
  switch (schema.type) {
    case "scalar":
      return scalarTypeName(schema);
    case "list":
      return `[]${typeName(schema.item)}`;
    case "map":
      return `map[string]${typeName(schema.value)}`;
    case "object":
      return "Object";
  }
}

function scalarTypeName({ form }: ScalarSchema<unknown>): string {
  if (form.type === undefined) return "any";
  return typeof form.type === "string" ? form.type : form.type.filter((type) => type !== "null").join(" or ");
}

/** Phrases that say no more than the type does. */
const PLAIN: ReadonlySet<string> = new Set(["", "text", "true or false", "anything", "an integer", "a number"]);

function takes(schema: Schema<unknown>): string | undefined {
  if (schema.type === "list") {
    const item = takes(schema.item);
    return item === undefined ? undefined : `a list, each ${item}`;
  }
  return schema.type !== "scalar" || PLAIN.has(schema.expects) ? undefined : schema.expects;
}
