import type { Field, ObjectSchema, ScalarSchema, Schema } from "@ocicat/api";
import type { JsonValue } from "@ocicat/kit";
import { formOf, sentenceOf } from "./scalars.ts";
import type { OpenApi } from "./structural.ts";

/**
 * How much is asked of what is written. `strict`: what our own reading asks, and it is filled in. `open`: the shape
 * only, for a form that others wrote and will read: nothing is required, refused by its value, filled in or left out.
 */
export type Manner = "strict" | "open";

/** A schema of ours as OpenAPI. Lists bound what a rule may cost: `inList` says that the value is in one. */
export function openApi(schema: Schema<unknown>, manner: Manner, inList = false): OpenApi {
  switch (schema.type) {
    case "scalar":
      return manner === "strict" ? strictScalar(schema, inList) : openScalar(schema);
    case "list":
      return {
        type: "array",
        items: openApi(schema.item, manner, true),
        ...(schema.unique && manner === "strict" ? { "x-kubernetes-list-type": "set" } : {}),
      };
    case "map":
      return { type: "object", additionalProperties: openApi(schema.value, manner, true) };
    case "object":
      return objectSchema(schema, manner, inList);
  }
}

function objectSchema(schema: ObjectSchema<unknown>, manner: Manner, inList: boolean): OpenApi {
  const fields = Object.entries(schema.fields);
  const required = manner === "strict" ? fields.filter(([, field]) => isNeeded(field)).map(([name]) => name) : [];
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    ...(manner === "open" ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
    properties: Object.fromEntries(
      fields.map(([name, field]) => [
        name,
        {
          description: schema.descriptions[name] ?? "",
          ...openApi(field.schema, manner, inList),
          ...(manner === "strict" ? fillIn(field) : {}),
        },
      ]),
    ),
  };
}

/** A spec in which nothing has to be may be left out. */
export function isNeeded(field: Field<unknown>): boolean {
  if (field.presence !== "required") return false;
  return field.schema.type !== "object" || Object.values(field.schema.fields).some(isNeeded);
}

/** Only what is stored where it is not given: what is merely known to hold is not written into anybody's resource. */
function fillIn({ presence, standard, unstored }: Field<unknown>): OpenApi {
  if (presence !== "default" || standard === undefined || unstored !== undefined) return {};
  const json: JsonValue = JSON.parse(JSON.stringify(standard));
  return { default: json };
}

const ANYTHING: OpenApi = { "x-kubernetes-preserve-unknown-fields": true };

function strictScalar(schema: ScalarSchema<unknown>, inList: boolean): OpenApi {
  const form = formOf(schema, inList);
  if (form.type === undefined) return ANYTHING;
  const { type, ...limits } = form;
  // Plain data, for a schema's form is: the copy is for the type.
  const keywords: OpenApi = JSON.parse(JSON.stringify(limits));
  return { ...typeOf(type), ...keywords, ...(inList ? {} : sentenceOf(schema)) };
}

function openScalar({ form }: ScalarSchema<unknown>): OpenApi {
  return form.type === undefined ? ANYTHING : typeOf(form.type);
}

function typeOf(type: NonNullable<ScalarSchema<unknown>["form"]["type"]>): OpenApi {
  if (typeof type === "string") return { type, ...(type === "integer" ? { format: "int64" } : {}) };
  if (type.includes("integer")) return { "x-kubernetes-int-or-string": true };
  return { type: "string", nullable: true };
}
