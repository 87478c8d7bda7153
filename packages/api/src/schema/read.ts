import type { Problem } from "../problem.ts";
import {
  defaulted,
  type Field,
  type Given,
  type ListSchema,
  type MapSchema,
  type ObjectSchema,
  type ScalarSchema,
  type Schema,
  saysNothing,
} from "./schema.ts";

/**
 * How to take what a schema does not name. Strict, for what a person writes: it is refused, for it is a mistake.
 * Tolerant, for what is stored: it is kept, for a newer writer put it there.
 */
export type Mode = "strict" | "tolerant";

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads a value as its schema says, defaults filled in, and finds everything that is wrong with it. */
export function read<T>(schema: Schema<T>, input: unknown, mode: Mode, path = ""): Reading<T> {
  const reader = new Reader(mode);
  const value = reader.read(schema, input, path);
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems };
  // The one place where a schema's type becomes a value's: the reader returns what the schema describes, or a problem.
  return { ok: true, value: value as T };
}

/** An object that is always there: where it is not given, it is what its own defaults make of an empty one. */
export function always<T>(schema: ObjectSchema<T>): Field<T, "default"> {
  const empty = read(schema, {}, "strict");
  if (!empty.ok) throw new TypeError("an object with required fields cannot be empty");
  return defaulted(schema, empty.value);
}

class Reader {
  readonly problems: Problem[] = [];
  readonly #mode: Mode;

  constructor(mode: Mode) {
    this.#mode = mode;
  }

  read(schema: Schema<unknown>, input: unknown, path: string): unknown {
    switch (schema.type) {
      case "scalar":
        return this.#scalar(schema, input, path);
      case "list":
        return this.#list(schema, input, path);
      case "map":
        return this.#map(schema, input, path);
      case "object":
        return this.#object(schema, input, path);
    }
  }

  #scalar(schema: ScalarSchema<unknown>, input: unknown, path: string): unknown {
    const checked = schema.check(input);
    if (checked.ok) return checked.value;
    return this.#refuse(path, input, checked.rule, checked.message ?? `is not ${schema.expects}`, checked.column);
  }

  #list(schema: ListSchema<unknown>, input: unknown, path: string): unknown {
    if (!Array.isArray(input)) return this.#refuse(path, input, "type", "is not a list");
    const items = input.map((item: unknown, index) => this.read(schema.item, item, `${path}[${index}]`));
    for (const [index, item] of schema.unique ? items.entries() : []) {
      if (items.indexOf(item) < index) this.#refuse(`${path}[${index}]`, item, "duplicate", "is given twice");
    }
    return items;
  }

  #map(schema: MapSchema<unknown>, input: unknown, path: string): unknown {
    if (!isObject(input)) return this.#refuse(path, input, "type", "is not an object");
    const entries: [string, unknown][] = [];
    for (const [key, value] of Object.entries(input)) {
      const at = join(path, key);
      const name = this.#scalar(schema.key, key, at);
      if (typeof name === "string") entries.push([name, this.read(schema.value, value, at)]);
    }
    // fromEntries defines own properties: a key "__proto__" stays a key.
    return Object.fromEntries(entries);
  }

  #object(schema: ObjectSchema<unknown>, input: unknown, path: string): unknown {
    if (!isObject(input)) return this.#refuse(path, input, "type", "is not an object");
    const known = Object.entries(schema.fields).flatMap(([name, field]): [string, unknown][] => {
      const value = this.#field(field, input, name, join(path, name));
      return value === undefined ? [] : [[name, value]];
    });
    const unknown = Object.entries(input).filter(([name]) => !Object.hasOwn(schema.fields, name));
    if (this.#mode === "tolerant") return Object.fromEntries([...known, ...unknown]);
    for (const [name, value] of unknown) {
      this.#refuse(join(path, name), value, "unknown-field", `is in a field that does not exist${hint(name, schema)}`);
    }
    return Object.fromEntries(known);
  }

  #field(field: Field<unknown>, given: Given, name: string, path: string): unknown {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (!isAbsent(field, value)) return this.read(field.schema, value, path);
    switch (field.presence) {
      case "required":
        return this.#refuse(path, undefined, "required", "is missing");
      case "optional":
        return undefined;
      case "default":
        return field.fallback?.(given);
    }
  }

  #refuse(field: string, value: unknown, rule: string, message: string, column?: number): undefined {
    this.problems.push({ field, value, rule, message, ...(column === undefined ? {} : { column }) });
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Null is absent, as in Go. So is the empty text where the field does not have to be there and its schema has no use
 * for it: `ipipMode: ""` is the default, not a mistake.
 */
function isAbsent(field: Field<unknown>, value: unknown): boolean {
  if (value === undefined || value === null || saysNothing(field, value)) return true;
  return value === "" && field.presence !== "required" && field.schema.type === "scalar" && !field.schema.check("").ok;
}

function join(path: string, name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) return `${path}["${name}"]`;
  return path === "" ? name : `${path}.${name}`;
}

/** A FelixConfiguration has some hundred and fifty fields: too many to read in an error. */
const MOST_LISTED_FIELDS = 24;

/** Most mistakes are of case, or of one letter. */
function hint(name: string, schema: ObjectSchema<unknown>): string {
  const fields = Object.keys(schema.fields);
  const close = fields.find((field) => isClose(name.toLowerCase(), field.toLowerCase()));
  if (close !== undefined) return `; did you mean ${close}?`;
  return fields.length > MOST_LISTED_FIELDS ? "; remove it" : `; remove it, or use one of ${fields.join(", ")}`;
}

/** At most one letter put in, left out or changed. */
function isClose(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (long.length - short.length > 1) return false;
  const from = Array.from(short).findIndex((letter, index) => letter !== long[index]);
  if (from < 0) return true;
  return long.slice(from + 1) === short.slice(short.length === long.length ? from + 1 : from);
}
