import { format, isList, isMap, isNumber, Struct, type Value } from "./value.ts";

/** `%[flags][width][.precision]verb`, as Go's fmt has it; what does not fit is said in the output, as there. */
const DIRECTIVE = /%([-+# 0]*)(\d*)(?:\.(\d*))?([%a-zA-Z])|%/g;

interface Directive {
  readonly flags: string;
  readonly precision: number | undefined;
}

export function printf(template: string, values: readonly Value[]): string {
  let used = 0;
  const text = template.replaceAll(
    DIRECTIVE,
    (
      _whole,
      flags: string | undefined,
      width: string | undefined,
      precision: string | undefined,
      verb: string | undefined,
    ) => {
      if (verb === undefined || flags === undefined) return "%!(NOVERB)";
      if (verb === "%") return "%";
      if (used >= values.length) return `%!${verb}(MISSING)`;
      const value = values[used++];
      const directive = { flags, precision: precision === undefined ? undefined : Number(precision) };
      return padded(directed(verb, value, directive), flags, Number(width ?? "0"), isNumber(value));
    },
  );
  const extra = values.slice(used);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.map(typed).join(", ")})`;
}

function typed(value: Value): string {
  return value === null || value === undefined ? "<nil>" : `${goType(value)}=${format(value)}`;
}

function directed(verb: string, value: Value, directive: Directive): string {
  const said = verb === "v" ? shown(value, directive) : VERBS[verb]?.(value, directive);
  return said ?? `%!${verb}(${goType(value)}=${format(value)})`;
}

type Verb = (value: Value, directive: Directive) => string | undefined;

const ofInteger =
  (show: (value: number | bigint) => string): Verb =>
  (value, { flags }) =>
    isInteger(value) ? `${flags.includes("+") && value >= 0 ? "+" : ""}${show(value)}` : undefined;

const ofFloat =
  (show: (value: number, precision: number | undefined) => string): Verb =>
  (value, { flags, precision }) =>
    typeof value === "number" ? `${flags.includes("+") && value >= 0 ? "+" : ""}${show(value, precision)}` : undefined;

const hexOf = (text: string) =>
  Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0")).join("");

const VERBS: Readonly<Record<string, Verb>> = {
  s: (value, directive) =>
    typeof value === "string"
      ? cut(value, directive)
      : isNumber(value) || typeof value === "boolean"
        ? undefined
        : shown(value, directive),
  q: (value, directive) => (typeof value === "string" ? JSON.stringify(cut(value, directive)) : undefined),
  t: (value) => (typeof value === "boolean" ? String(value) : undefined),
  d: ofInteger(String),
  b: ofInteger((value) => value.toString(2)),
  o: ofInteger((value) => value.toString(8)),
  c: (value) => (isInteger(value) ? String.fromCodePoint(Number(value)) : undefined),
  x: (value, directive) =>
    typeof value === "string" ? hexOf(value) : ofInteger((number) => number.toString(16))(value, directive),
  X: (value, directive) => VERBS.x?.(value, directive)?.toUpperCase(),
  f: ofFloat((value, precision = 6) => value.toFixed(precision)),
  e: ofFloat((value, precision = 6) => value.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2")),
  g: ofFloat((value, precision) =>
    precision === undefined ? format(value) : format(Number(value.toPrecision(Math.max(1, precision)))),
  ),
};

function shown(value: Value, directive: Directive): string {
  return typeof value === "string" ? cut(value, directive) : format(value);
}

/** A precision is the most characters of a text. */
function cut(text: string, { precision }: Directive): string {
  return precision === undefined ? text : Array.from(text).slice(0, precision).join("");
}

function padded(text: string, flags: string, width: number, isNumeric: boolean): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || !isNumeric) return " ".repeat(missing) + text;
  return text.replace(/^([-+]?)/, `$1${"0".repeat(missing)}`);
}

function isInteger(value: Value): value is number | bigint {
  return typeof value === "bigint" || Number.isInteger(value);
}

function goType(value: Value): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (isNumber(value)) return isInteger(value) ? "int" : "float64";
  if (isList(value)) return "[]interface {}";
  return isMap(value) || !(value instanceof Struct) ? "map[string]interface {}" : value.name;
}
