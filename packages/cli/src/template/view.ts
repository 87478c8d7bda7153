import type { Kind } from "@ocicat/api";
import type { JsonValue } from "@ocicat/kit";
import { isList, isObject, type JsonObject, memberOf } from "../json.ts";
import { Struct, type Value } from "./value.ts";

type Schema = Kind["schema"] | Kind["schema"]["fields"][string]["schema"];

/**
 * What calicoctl gives a template: a list of what was asked for, of which a listing is one item with `.Items`. A resource's
 * fields go by Go's names: `.ObjectMeta.Name` or `.Name`, `.Spec.IPIPMode`.
 */
export function listView(name: string, kind: Kind, items: readonly JsonObject[], revision: bigint): Struct {
  const resources = items.map((item) => resourceView(kind, item));
  const metadata = struct("ListMeta", { resourceVersion: String(revision) }, [
    ["resourceVersion", () => String(revision)],
  ]);
  return struct(name, { items: resources }, [
    ["items", () => resources],
    ["listMeta", () => metadata],
    ["metadata", () => metadata],
    ["kind", () => name],
    ["resourceVersion", () => String(revision)],
  ]);
}

/** `document`: as it is printed. */
export function resourceView(kind: Kind, document: JsonObject): Struct {
  const whole = viewOf(kind.kind, kind.schema, document);
  if (!(whole instanceof Struct)) throw new TypeError("a resource is an object");
  const metadata = () => whole.field("metadata", 0);
  // Embedded in Go's struct: its fields are the resource's own, too.
  const own = ["name", "namespace", "labels", "annotations", "uid", "resourceVersion", "creationTimestamp"];
  return struct(kind.kind, document, [
    ...own.map((name) => [name, () => (metadata() as Struct).field(name, 0)] as const),
    ...Object.keys({ ...kind.schema.fields, ...document }).map((name) => [name, () => whole.field(name, 0)] as const),
    ["objectMeta", metadata],
    [
      "typeMeta",
      () =>
        struct("TypeMeta", {}, [
          ["kind", () => kind.kind],
          ["apiVersion", () => whole.field("apiVersion", 0)],
        ]),
    ],
  ]);
}

/** What a field that is not set is in Go: nil for a struct, which is a pointer then; empty for all else. */
function unset(schema: Schema): Value {
  return schema.type === "object" ? null : schema.type === "list" ? [] : schema.type === "map" ? {} : "";
}

function viewOf(name: string, schema: Schema, value: JsonValue | undefined): Value {
  if (value === undefined || value === null) return unset(schema);
  if (schema.type === "object" && isObject(value)) {
    const names = new Set([...Object.keys(schema.fields), ...Object.keys(value)]);
    return struct(
      name,
      value,
      [...names].map((field) => {
        const own = schema.fields[field]?.schema;
        return [
          field,
          () => (own === undefined ? memberOf(value, field) : viewOf(titled(field), own, memberOf(value, field))),
        ] as const;
      }),
    );
  }
  if (schema.type === "list" && isList(value)) return value.map((item) => viewOf(name, schema.item as Schema, item));
  // A map, or a scalar.
  return value;
}

function titled(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function struct(
  name: string,
  members: { readonly [name: string]: Value },
  fields: readonly (readonly [string, () => Value])[],
): Struct {
  return new Struct(name, new Map(fields.map(([field, read]) => [field.toLowerCase(), read])), members);
}
