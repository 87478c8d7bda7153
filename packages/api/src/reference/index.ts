export { type FieldFacts, fieldsOf, typeName, withDescendants } from "./fields.ts";
export { editDistance, findField } from "./find.ts";
export { fieldSchema, jsonSchema, withoutEffect } from "./json-schema.ts";
