/**
 * Schemas as data: four shapes of node, frozen, that a reader, a writer and a documentation generator walk.
 *
 *     scalar   one JSON scalar, checked and brought to its canonical form
 *     list     many of one
 *     map      text → one
 *     object   named fields, in the order in which they are stored
 *
 * The TypeScript type of a value is inferred from its schema: what is checked and what is promised cannot drift apart.
 */
declare const valueType: unique symbol;

/** What a check says: the value in canonical form, or which rule it breaks, and how if the schema's phrase does not say it. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rule: string; readonly message: string | undefined; readonly column?: number };

/** What JSON Schema (draft 2020-12) can say of a scalar: it refuses nothing that the check accepts. */
export type ScalarForm = {
  readonly type?: "string" | "integer" | "number" | "boolean" | readonly ("string" | "integer" | "null")[];
  readonly enum?: readonly (string | number)[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly ScalarForm[];
};

export interface ScalarSchema<T> {
  readonly type: "scalar";
  /** What is accepted, as a phrase that follows "is not". */
  readonly expects: string;
  readonly form: ScalarForm;
  readonly check: (value: unknown) => Checked<T>;
  readonly [valueType]?: T;
}

export interface ListSchema<T> {
  readonly type: "list";
  readonly item: Schema<unknown>;
  /** Refuse an item given twice. */
  readonly unique: boolean;
  readonly [valueType]?: T;
}

export interface MapSchema<T> {
  readonly type: "map";
  readonly key: ScalarSchema<string>;
  readonly value: Schema<unknown>;
  readonly [valueType]?: T;
}

export interface ObjectSchema<T> {
  readonly type: "object";
  readonly fields: Fields;
  /** What each field is for. */
  readonly descriptions: Readonly<Record<string, string>>;
  readonly [valueType]?: T;
}

export type Schema<T> = ScalarSchema<T> | ListSchema<T> | MapSchema<T> | ObjectSchema<T>;

export type Presence = "required" | "optional" | "default";

export interface Field<T, P extends Presence = Presence> {
  readonly schema: Schema<T>;
  readonly presence: P;
  /** With presence "default": what stands where nothing is given, on reading as on writing; it may depend on what else is. */
  readonly fallback: ((given: Given) => T) | undefined;
  /** What holds where nothing is given, if that is always the same: for documentation. */
  readonly standard: T | undefined;
  /** A value that is the same as none: read as if absent, and left out when stored (Go's `omitempty` for false, 0, ""). */
  readonly unstored: T | undefined;
}

/** An object as it was given, before any of its fields is checked. */
export type Given = Readonly<Record<string, unknown>>;

export type Fields = Readonly<Record<string, Field<unknown>>>;

export type Infer<S> = S extends { readonly [valueType]?: infer T } ? T : never;

type OptionalNames<F extends Fields> = { [K in keyof F]: F[K] extends Field<unknown, "optional"> ? K : never }[keyof F];
type ValueOf<F> = F extends Field<infer T> ? T : never;
export type ObjectOf<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[K]>;
} & { readonly [K in OptionalNames<F>]?: ValueOf<F[K]> } extends infer O
  ? { readonly [K in keyof O]: O[K] }
  : never;

export function scalar<T>(
  expects: string,
  check: (value: unknown) => Checked<T>,
  form: ScalarForm = {},
): ScalarSchema<T> {
  return Object.freeze({ type: "scalar", expects, check, form });
}

/** Options: `unique` refuses an item given twice. */
export function list<T>(item: Schema<T>, options: { readonly unique?: boolean } = {}): ListSchema<readonly T[]> {
  return Object.freeze({ type: "list", item, unique: options.unique ?? false });
}

export function map<T>(key: ScalarSchema<string>, value: Schema<T>): MapSchema<Readonly<Record<string, T>>> {
  return Object.freeze({ type: "map", key, value });
}

/** One sentence for each of the fields: what it is for, in which unit, and what none means where that is not plain. */
export type Descriptions<F extends Fields> = { readonly [Name in keyof F]: string };

/** Two tables, so that each can be read down: what is accepted, and what it is for. */
export function object<F extends Fields>(fields: F, descriptions: Descriptions<F>): ObjectSchema<ObjectOf<F>> {
  return Object.freeze({ type: "object", fields: Object.freeze(fields), descriptions });
}

export function required<T>(schema: Schema<T>): Field<T, "required"> {
  return Object.freeze({ schema, presence: "required", fallback: undefined, standard: undefined, unstored: undefined });
}

/** Optional; `unstored` names the value that is the same as leaving the field out. */
export function optional<T>(schema: Schema<T>, unstored?: T): Field<T, "optional"> {
  return Object.freeze({ schema, presence: "optional", fallback: undefined, standard: undefined, unstored });
}

/** Optional, with what holds where it is not given: that is known, and neither filled in nor stored. */
export function assumed<T>(schema: Schema<T>, standard: NoInfer<T>, unstored?: NoInfer<T>): Field<T, "optional"> {
  return Object.freeze({ ...optional(schema, unstored), standard });
}

/** Filled in where absent, and stored. */
export function defaulted<T>(schema: Schema<T>, fallback: T): Field<T, "default"> {
  return { ...computed(schema, () => fallback), standard: fallback };
}

/** As `defaulted`, with a value that depends on the other fields; `absent` is a value that means "not given", if any. */
export function computed<T>(schema: Schema<T>, fallback: (given: Given) => T, absent?: T): Field<T, "default"> {
  return Object.freeze({ schema, presence: "default", fallback, standard: undefined, unstored: absent });
}

/** Filled in where absent; not stored while it has that value. */
export function implied<T>(schema: Schema<T>, fallback: T): Field<T, "default"> {
  return { ...defaulted(schema, fallback), unstored: fallback };
}

/** Whether a value is the same as none: read as if absent, and left out when stored. */
export function saysNothing(field: Field<unknown>, value: unknown): boolean {
  return value === field.unstored || (isEmptyList(value) && isEmptyList(field.unstored));
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

export function accept<T>(value: T): Checked<T> {
  return { ok: true, value };
}

/** Without a message, the reader says "is not" and the schema's phrase. `column`: where in a text, counted from 1. */
export function refuse(rule: string, message?: string, column?: number): Checked<never> {
  return { ok: false, rule, message, ...(column === undefined ? {} : { column }) };
}
