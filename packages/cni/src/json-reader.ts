import type { JsonValue } from "@ocicat/kit";
import { type CniError, invalidConfig } from "./errors.ts";

export type JsonObject = { readonly [key: string]: JsonValue };

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads members of a JSON object with the type that is wanted, and remembers which ones were read: what is left over had no
 * effect. An absent member and a null one are undefined (Go's encoders write null for what is unset). Throws CniError code 7.
 */
export class JsonReader {
  readonly path: string;
  readonly #object: JsonObject;
  readonly #document: string;
  readonly #read = new Set<string>();

  /** `path`: where the object stands in `document`, both for errors. */
  constructor(object: JsonObject, path = "", document = "network configuration") {
    this.#object = object;
    this.path = path;
    this.#document = document;
  }

  at(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  value(key: string): JsonValue | undefined {
    this.#read.add(key);
    return Object.hasOwn(this.#object, key) ? (this.#object[key] ?? undefined) : undefined;
  }

  string(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrong(key, value, "a string");
  }

  boolean(key: string): boolean | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#wrong(key, value, "true or false");
  }

  /** Calico writes some booleans as the strings "true" and "false"; both forms are taken. */
  looseBoolean(key: string): boolean | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "boolean") return value;
    if (value === "true" || value === "false") return value === "true";
    throw this.#wrong(key, value, '"true" or "false"');
  }

  integer(key: string, minimum: number, maximum: number): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    throw this.#wrong(key, value, `an integer from ${minimum} to ${maximum}`);
  }

  object(key: string): JsonReader | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (isJsonObject(value)) return new JsonReader(value, this.at(key), this.#document);
    throw this.#wrong(key, value, "an object");
  }

  list(key: string): readonly JsonValue[] | undefined {
    const value = this.value(key);
    if (value === undefined || Array.isArray(value)) return value;
    throw this.#wrong(key, value, "a list");
  }

  strings(key: string): readonly string[] | undefined {
    return this.list(key)?.map((item, index) => {
      if (typeof item === "string") return item;
      throw this.#wrong(`${key}[${index}]`, item, "a string");
    });
  }

  objects(key: string): readonly JsonReader[] | undefined {
    return this.list(key)?.map((item, index) => {
      if (isJsonObject(item)) return new JsonReader(item, `${this.at(key)}[${index}]`, this.#document);
      throw this.#wrong(`${key}[${index}]`, item, "an object");
    });
  }

  /** Members nobody asked for, in the order of the text. */
  unread(): string[] {
    return Object.keys(this.#object).filter((key) => !this.#read.has(key));
  }

  /** The error that says what is wrong with a member. */
  invalid(key: string, what: string, fix?: string): CniError {
    return invalidConfig(this.at(key), what, fix, this.#document);
  }

  #wrong(key: string, value: JsonValue, wanted: string): CniError {
    return this.invalid(key, `${summary(value)} is not ${wanted}`);
  }
}

/** A value as an error shows it: scalars as JSON, never the content of a structure (it may hold a secret). */
function summary(value: JsonValue): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}
