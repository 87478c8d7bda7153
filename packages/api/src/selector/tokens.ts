export type TokenType =
  | "label"
  | "text"
  | "has"
  | "all"
  | "global"
  | "=="
  | "!="
  | "contains"
  | "starts with"
  | "ends with"
  | "in"
  | "not in"
  | "!"
  | "&&"
  | "||"
  | "("
  | ")"
  | "{"
  | "}"
  | ","
  | "end";

export interface Token {
  readonly type: TokenType;
  /** A label's name, or the text between quotes; empty for the rest. */
  readonly value: string;
  /** Offset of its first character. */
  readonly at: number;
  /** Its characters as written. */
  readonly source: string;
}

const SPACE = /[ \t]*/y;

type Matcher = readonly [type: TokenType, pattern: RegExp];

// Tried in order; the first group, if any, is the token's value.
const ANYWHERE: readonly Matcher[] = [
  ["text", /"([^"]*)"|'([^']*)'/y],
  ["==", /==/y],
  ["!=", /!=/y],
  ["!", /!/y],
  ["&&", /&&/y],
  ["||", /\|\|/y],
  ["(", /\(/y],
  [")", /\)/y],
  ["{", /\{/y],
  ["}", /\}/y],
  [",", /,/y],
];

// A word is a label's name, unless it follows one: there only an operator can stand. So a label may be called "in".
const WORD_OPERATORS: readonly Matcher[] = [
  ["contains", /contains/y],
  ["starts with", /starts[ \t]*with/y],
  ["ends with", /ends[ \t]*with/y],
  ["not in", /not[ \t]*in/y],
  ["in", /in/y],
];

const WORDS: readonly Matcher[] = [
  ["has", /has\([ \t]*([a-zA-Z0-9_./-]{1,512})[ \t]*\)/y],
  ["all", /all\([ \t]*\)/y],
  ["global", /global\([ \t]*\)/y],
  ["label", /([a-zA-Z0-9_./-]{1,512})/y],
];

/** The token that begins at or after `from`, spaces and tabs skipped; undefined if none of the language's does. */
export function nextToken(text: string, from: number, previous: TokenType | undefined): Token | undefined {
  const at = from + (matchAt(SPACE, text, from)?.[0].length ?? 0);
  if (at >= text.length) return { type: "end", value: "", at, source: "" };
  for (const [type, pattern] of previous === "label" ? [...ANYWHERE, ...WORD_OPERATORS] : [...ANYWHERE, ...WORDS]) {
    const match = matchAt(pattern, text, at);
    if (match !== null) return { type, value: match[1] ?? match[2] ?? "", at, source: match[0] };
  }
  return undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
