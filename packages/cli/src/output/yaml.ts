import type { JsonValue } from "@ocicat/kit";

/**
 * JSON data as YAML, byte for byte as Go's yaml.v2 writes it and calicoctl therefore prints it: keys sorted, lists not
 * indented, text quoted where it would be read as something else. Lines are never folded. Ends with a line break.
 */
export function toYaml(value: JsonValue): string {
  if (isEmptyOrScalar(value)) return `${inline(value)}\n`;
  return `${block(value, 0).join("\n")}\n`;
}

type Collection = readonly JsonValue[] | { readonly [key: string]: JsonValue };

function block(value: Collection, indent: number): readonly string[] {
  return isList(value) ? value.flatMap((item) => listItem(item, indent)) : mapping(value, indent);
}

function mapping(value: { readonly [key: string]: JsonValue }, indent: number): readonly string[] {
  const keys = Object.keys(value).sort(compareKeys);
  return keys.flatMap((key) => {
    const member = value[key] ?? null;
    const head = `${" ".repeat(indent)}${text(key)}:`;
    if (isLiteral(member)) return [`${head} ${literalHeader(member)}`, ...literalLines(member, indent + 2)];
    if (isEmptyOrScalar(member)) return [`${head} ${inline(member)}`];
    // A list stands as far left as the key it belongs to.
    return [head, ...block(member, isList(member) ? indent : indent + 2)];
  });
}

function listItem(item: JsonValue, indent: number): readonly string[] {
  const dash = `${" ".repeat(indent)}- `;
  if (isLiteral(item)) return [`${dash}${literalHeader(item)}`, ...literalLines(item, indent + 2)];
  if (isEmptyOrScalar(item)) return [`${dash}${inline(item)}`];
  const [first = "", ...rest] = block(item, indent + 2);
  return [`${dash}${first.slice(indent + 2)}`, ...rest];
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isEmptyOrScalar(value: JsonValue): value is Exclude<JsonValue, Collection> {
  return typeof value !== "object" || value === null || Object.keys(value).length === 0;
}

function inline(value: JsonValue): string {
  if (typeof value === "string") return text(value);
  if (isList(value)) return "[]";
  return typeof value === "object" && value !== null ? "{}" : String(value);
}

/** Text on one line: plain if that reads back as the same text, else in the quotes that Go would take. */
function text(value: string): string {
  if (UNPRINTABLE.test(value) || value.includes("\n") || isSomethingElse(value)) return doubleQuoted(value);
  return isPlain(value) ? value : `'${value.replaceAll("'", "''")}'`;
}

/** What Go's YAML shows by an escape only: a tab and everything beyond 16 bits are among them. */
const UNPRINTABLE = /[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;

/** Plain text may not begin like a part of the syntax, nor look like one, nor lose a space at its ends. */
function isPlain(value: string): boolean {
  if (/^[#,[\]{}&*!|>'"%@`]/.test(value) || /^[-?:](?:\s|$)/.test(value) || /^(?:---|\.\.\.)/.test(value)) return false;
  return !/:(?:\s|$)/.test(value) && !/\s#/.test(value) && !/^\s|\s$/.test(value);
}

const WORDS: ReadonlySet<string> = new Set(
  ["", "~", "<<", ".NaN"].concat(
    ["y", "yes", "n", "no", "true", "false", "on", "off", "null", ".nan", ".inf", "+.inf", "-.inf"].flatMap((word) => [
      word,
      word.replace(/[a-z]/, (letter) => letter.toUpperCase()),
      word.toUpperCase(),
    ]),
  ),
);

const LOOKS_LIKE: readonly RegExp[] = [
  // Integers in the bases of Go, and floats.
  /^[-+]?(?:0[bB][01]+|0[xX][\da-fA-F]+|0[oO]?[0-7]+|\d+)$/,
  /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/,
  // Base 60, of which nobody thinks: 1:20 is eighty.
  /^[-+]?\d+(?::[0-5]?\d)+(?:\.\d*)?$/,
  // Dates and times.
  /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]| +)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d*)?(?: *(?:[Zz]|[-+]\d{1,2}(?::?\d{2})?))?)?$/,
];

/** True if the text, written plainly, would be read as a boolean, null, a number, a time or a merge. */
function isSomethingElse(value: string): boolean {
  if (WORDS.has(value)) return true;
  if (!/^[-+.\d]/.test(value)) return false;
  // Underscores between digits are passed over.
  const digits = value.replaceAll("_", "");
  return LOOKS_LIKE.some((pattern) => pattern.test(digits));
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(value: string): string {
  const all = new RegExp(`["\\\\\n]|${UNPRINTABLE.source}`, "gu");
  return `"${value.replace(all, escaped)}"`;
}

function escaped(character: string): string {
  const named = ESCAPES[character];
  if (named !== undefined) return named;
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Several lines are shown as lines; not if a space at the end of one would be lost. */
function isLiteral(value: JsonValue): value is string {
  return typeof value === "string" && value.includes("\n") && !UNPRINTABLE.test(value) && !/ (?:\n|$)/.test(value);
}

/** `|`, with how the text begins if that hides the indentation, and with how it ends if not by one line break. */
function literalHeader(value: string): string {
  const begins = /^[ \n]/.test(value) ? "2" : "";
  const ends = !value.endsWith("\n") ? "-" : /^\n$|\n\n$/.test(value) ? "+" : "";
  return `|${begins}${ends}`;
}

function literalLines(value: string, indent: number): readonly string[] {
  const lines = value.split("\n");
  if (value.endsWith("\n")) lines.pop();
  return lines.map((line) => (line === "" ? "" : " ".repeat(indent) + line));
}

/**
 * Go's order of keys: by the first character that differs, letters by code point and after everything else; digits as
 * the number they begin, so that `port9` stands before `port10`.
 */
export function compareKeys(left: string, right: string): number {
  const [a, b] = [Array.from(left), Array.from(right)];
  const at = a.findIndex((character, index) => character !== b[index]);
  if (at < 0 || at >= b.length) return a.length - b.length;
  const [one = "", other = ""] = [a[at], b[at]];
  if (isLetter(one) !== isLetter(other)) return isLetter(one) ? 1 : -1;
  const codes = (one.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
  if (isLetter(one)) return codes;
  // A zero counts as a digit of the number before it, if there is one.
  const before = (one === "0" || other === "0") && /[1-9]\d*$/.test(a.slice(0, at).join("")) ? "1" : "0";
  const [oneDigits, otherDigits] = [digitsFrom(a, at), digitsFrom(b, at)];
  const numbers = BigInt(before + oneDigits) - BigInt(before + otherDigits);
  if (numbers !== 0n) return numbers < 0n ? -1 : 1;
  return oneDigits.length - otherDigits.length || codes;
}

function isLetter(character: string): boolean {
  return /\p{L}/u.test(character);
}

function digitsFrom(characters: readonly string[], at: number): string {
  return /^\d*/.exec(characters.slice(at).join(""))?.[0] ?? "";
}
