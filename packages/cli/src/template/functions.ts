import { type Offset, TemplateError } from "./error.ts";
import { printf } from "./printf.ts";
import { format, isList, isMap, isNumber, kindOf, member, sortedKeys, truth, type Value } from "./value.ts";

/** How many arguments it takes, and what it makes of them. `fail` tells what is wrong, at the place of the call. */
export interface TemplateFunction {
  readonly least: number;
  readonly most: number;
  readonly apply: (values: readonly Value[], fail: (what: string) => never) => Value;
}

const fn = (least: number, most: number, apply: TemplateFunction["apply"]): TemplateFunction => ({
  least,
  most,
  apply,
});
const MANY = Number.POSITIVE_INFINITY;

/** Go's own, and calicoctl's `join` and `joinAndTruncate`. `and` and `or` are not among them: they leave work undone. */
export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  not: fn(1, 1, ([value]) => !truth(value)),
  eq: fn(2, MANY, ([first, ...others], fail) => others.some((other) => isEqual(first, other, fail))),
  ne: fn(2, 2, ([a, b], fail) => !isEqual(a, b, fail)),
  lt: fn(2, 2, ([a, b], fail) => order(a, b, fail) < 0),
  le: fn(2, 2, ([a, b], fail) => order(a, b, fail) <= 0),
  gt: fn(2, 2, ([a, b], fail) => order(a, b, fail) > 0),
  ge: fn(2, 2, ([a, b], fail) => order(a, b, fail) >= 0),
  len: fn(1, 1, ([value], fail) => lengthOf(value, fail)),
  index: fn(1, MANY, ([value, ...keys], fail) =>
    value === null ? fail("nil has no parts") : keys.reduce((at, key) => indexed(at, key, fail), value),
  ),
  slice: fn(1, 3, ([value, from, to], fail) => sliced(value, from, to, fail)),
  print: fn(0, MANY, (values) => sprint(values)),
  println: fn(0, MANY, (values) => `${values.map(format).join(" ")}\n`),
  printf: fn(1, MANY, ([template, ...values], fail) =>
    typeof template === "string" ? printf(template, values) : fail(`a format is a text, not ${kindOf(template)}`),
  ),
  html: fn(0, MANY, (values) => escaped(sprint(values.map(printable)), /[<>&'"\0]/g, HTML)),
  js: fn(0, MANY, (values) => jsEscaped(sprint(values.map(printable)))),
  urlquery: fn(0, MANY, (values) => urlEscaped(sprint(values.map(printable)))),
  join: fn(2, 2, ([items, separator], fail) => joined(items, separator, 0, fail)),
  joinAndTruncate: fn(3, 3, ([items, separator, most], fail) => joined(items, separator, most, fail)),
};

/** Calls it. Throws TemplateError. */
export function call(name: string, definition: TemplateFunction, values: readonly Value[], offset: Offset): Value {
  const { least, most, apply } = definition;
  if (values.length < least || values.length > most) {
    const wanted = least === most ? String(least) : most === MANY ? `at least ${least}` : `${least} to ${most}`;
    throw new TemplateError(
      offset,
      `${name} takes ${wanted} ${wanted === "1" ? "argument" : "arguments"}, not ${values.length}`,
    );
  }
  return apply(
    values.map((value) => value ?? null),
    (what) => {
      throw new TemplateError(offset, `${name}: ${what}`);
    },
  );
}

type Fail = (what: string) => never;

function isEqual(a: Value, b: Value, fail: Fail): boolean {
  const isBasic = (value: Value) => isNumber(value) || typeof value === "string" || typeof value === "boolean";
  const isNil = (value: Value) => value === null || value === undefined;
  if (isNil(a) || isNil(b)) return isNil(a) && isNil(b);
  if (!isBasic(a) || !isBasic(b)) return fail(`${kindOf(isBasic(a) ? b : a)} cannot be compared`);
  if (isNumber(a) && isNumber(b)) return !(a < b) && !(a > b);
  return typeof a === typeof b ? a === b : fail(`${kindOf(a)} is not compared with ${kindOf(b)}`);
}

function order(a: Value, b: Value, fail: Fail): number {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  return fail(`${kindOf(a)} is neither before nor after ${kindOf(b)}`);
}

function lengthOf(value: Value, fail: Fail): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (isList(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : fail(`${kindOf(value)} has no length`);
}

function indexed(value: Value, key: Value, fail: Fail): Value {
  if (isMap(value)) {
    if (typeof key !== "string") return fail(`a map's key is a text, not ${kindOf(key)}`);
    return member(value, key) ?? "";
  }
  // A text's parts are its bytes.
  if (typeof value === "string") return indexed([...new TextEncoder().encode(value)], key, fail);
  if (!isList(value)) return fail(`${kindOf(value)} has no parts`);
  const at = isNumber(key) ? Number(key) : fail(`a list's index is a number, not ${kindOf(key)}`);
  if (!Number.isInteger(at) || at < 0 || at >= value.length)
    return fail(`index ${format(at)} is outside ${value.length}`);
  return value[at] ?? null;
}

function sliced(value: Value, from: Value, to: Value, fail: Fail): Value {
  if (typeof value !== "string" && !isList(value)) return fail(`${kindOf(value)} has no parts`);
  const length = lengthOf(value, fail);
  const bound = (given: Value, standard: number) =>
    given === undefined ? standard : isNumber(given) ? Number(given) : Number.NaN;
  const [begin, end] = [bound(from, 0), bound(to, length)];
  if (!(begin >= 0 && begin <= end && end <= length && Number.isInteger(begin) && Number.isInteger(end)))
    return fail(`from ${format(from)} to ${format(to)} is outside ${length}`);
  if (isList(value)) return value.slice(begin, end);
  return new TextDecoder().decode(new TextEncoder().encode(value).slice(begin, end));
}

/** Where text is made safe, nothing is the text for it. */
function printable(value: Value): Value {
  return value ?? "<no value>";
}

/** A space only between two of which neither is a text. */
function sprint(values: readonly Value[]): string {
  return values.reduce<string>((text, value, index) => {
    const before = values[index - 1];
    const apart = index > 0 && typeof value !== "string" && typeof before !== "string";
    return `${text}${apart ? " " : ""}${format(value)}`;
  }, "");
}

/** A map as `key=value`; anything that is neither map nor list as the one item that it is. Bytes are counted, as in Go. */
function joined(items: Value, separator: Value, most: Value, fail: Fail): string {
  if (typeof separator !== "string" || !isNumber(most))
    return fail("it takes items, a text between them, and a number");
  if (items === null || items === undefined) return "";
  const parts = isMap(items)
    ? sortedKeys(items)
        .map((key) => `${key}=${format(member(items, key))}`)
        .sort()
    : (isList(items) ? items : [items]).map((item) => format(item));
  const text = parts.join(separator);
  const bytes = new TextEncoder().encode(text);
  const limit = Number(most);
  if (limit <= 0 || bytes.length <= limit) return text;
  return `${new TextDecoder().decode(bytes.slice(0, Math.max(0, limit - 3)))}...`;
}

const HTML: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  "'": "&#39;",
  '"': "&#34;",
  "\0": "\ufffd",
};

function escaped(text: string, pattern: RegExp, table: Readonly<Record<string, string>>): string {
  return text.replaceAll(pattern, (character) => table[character] ?? character);
}

function jsEscaped(text: string): string {
  return text.replaceAll(/[\\'"<>&=]|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    if (/[\\'"]/.test(character)) return `\\${character}`;
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

function urlEscaped(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
