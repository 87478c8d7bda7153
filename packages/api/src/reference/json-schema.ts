import type { JsonValue } from "@ocicat/kit";
import type { Kind } from "../define-kind.ts";
import type { Field, ObjectSchema, Schema } from "../schema/index.ts";
import { type FieldFacts, fieldsOf } from "./fields.ts";

type JsonObject = { readonly [key: string]: JsonValue };

/**
 * A kind as JSON Schema, draft 2020-12, for editors and pipelines. It refuses nothing that is accepted here, but for null,
 * zero and empty text that mean "not given"; rules across fields, and what only a parser can say, it leaves out.
 */
export function jsonSchema(kind: Kind): JsonObject {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: kind.kind,
    description: kind.description,
    ...objectSchema(kind.schema, fieldsOf(kind)),
  };
}

/** A field of a kind, by itself. */
export function fieldSchema({ schema, children, description }: FieldFacts): JsonObject {
  return { description, ...schemaOf(schema, children) };
}

function schemaOf(schema: Schema<unknown>, children: readonly FieldFacts[]): JsonObject {
  switch (schema.type) {
    case "scalar":
      return schema.form;
    case "list":
      return {
        type: "array",
        items: schemaOf(schema.item, children),
        ...(schema.unique ? { uniqueItems: true } : {}),
      };
    case "map":
      return {
        type: "object",
        propertyNames: schema.key.form,
        additionalProperties: schemaOf(schema.value, children),
      };
    case "object":
      return objectSchema(schema, children);
  }
}

function objectSchema(schema: ObjectSchema<unknown>, fields: readonly FieldFacts[]): JsonObject {
  const required = fields.filter(({ name }) => isNeeded(schema.fields[name]));
  return {
    type: "object",
    required: required.map(({ name }) => name),
    additionalProperties: false,
    properties: Object.fromEntries(fields.map((field) => [field.name, property(field)])),
  };
}

/** A spec in which nothing has to be may be left out. */
function isNeeded(field: Field<unknown> | undefined): boolean {
  if (field?.presence !== "required") return false;
  return field.schema.type !== "object" || Object.values(field.schema.fields).some(isNeeded);
}

/** What is said of what nothing acts on yet; `section` is what it is about. */
export function withoutEffect(section: string): string {
  return `Stored; without effect in this version (${section}).`;
}

const note = (section: string | undefined) => (section === undefined ? "" : ` ${withoutEffect(section)}`);

function property(field: FieldFacts): JsonObject {
  return {
    description: field.description + note(field.storedOnly),
    ...schemaOf(field.schema, field.children),
    ...(field.standard === undefined ? {} : { default: field.standard }),
  };
}
