import { type Offset, TemplateError } from "./error.ts";

/**
 * A template's text, cut into what stands between actions and the tokens within them:
 *
 *     Node {{range .Items -}}  {{.Name}}{{end}}
 *     text   action, trimming right    action
 *
 * `{{- ` takes the white space before it away, ` -}}` that after it; `{{/* … *\/}}` says nothing.
 */
export type Piece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "action"; readonly tokens: readonly Token[]; readonly offset: Offset };

export type TokenType =
  | "identifier" // a function, a keyword, true, false, nil
  | "field" // .Name, with nothing before it
  | "link" // .Name, right behind what it is a field of
  | "dot"
  | "variable" // $ or $name
  | "number"
  | "string"
  | "symbol"; // | ( ) , := =

export interface Token {
  readonly type: TokenType;
  /** As it is meant: a field and a variable by their name, a string without its quotes. */
  readonly text: string;
  readonly offset: Offset;
}

export function scan(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let position = 0;
  let trimming = false;
  while (position < template.length) {
    const open = template.indexOf("{{", position);
    const end = open < 0 ? template.length : open;
    const trimsLeft = open >= 0 && /^-[ \t\r\n]/.test(template.slice(open + 2, open + 4));
    let text = template.slice(position, end);
    if (trimming) text = text.replace(/^[ \t\r\n]+/, "");
    if (trimsLeft) text = text.replace(/[ \t\r\n]+$/, "");
    if (text !== "") pieces.push({ type: "text", text });
    if (open < 0) break;
    const inside = open + (trimsLeft ? 4 : 2);
    const comment = /^\/\*[\s\S]*?\*\/([ \t\r\n]-)?\}\}/.exec(template.slice(inside));
    if (comment !== null) {
      trimming = comment[1] !== undefined;
      position = inside + comment[0].length;
      continue;
    }
    if (template.startsWith("/*", inside)) throw new TemplateError(open, "a comment does not end right before its }}");
    const action = scanAction(template, inside, open);
    pieces.push({ type: "action", tokens: action.tokens, offset: open });
    ({ trimming, position } = action);
  }
  return pieces;
}

const NAME = "[\\p{L}_][\\p{L}\\p{Nd}_]*";
const TOKENS: readonly (readonly [TokenType, RegExp])[] = [
  ["variable", new RegExp(`\\$(${NAME})?`, "uy")],
  ["field", new RegExp(`\\.(${NAME})`, "uy")],
  [
    "number",
    /[-+]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)(?![\p{L}\d_.])/uy,
  ],
  ["identifier", new RegExp(`(${NAME})`, "uy")],
  ["dot", /\./y],
  ["symbol", /:=|[|(),=]/y],
];

function scanAction(template: string, from: number, open: Offset) {
  const tokens: Token[] = [];
  let position = from;
  for (;;) {
    const space = /^[ \t\r\n]*/.exec(template.slice(position))?.[0] ?? "";
    const rest = position + space.length;
    if (template.startsWith("}}", rest)) return { tokens, trimming: false, position: rest + 2 };
    if (space !== "" && template.startsWith("-}}", rest)) return { tokens, trimming: true, position: rest + 3 };
    if (rest >= template.length) throw new TemplateError(open, "an action does not end", "end it with }}");
    const { token, end } = scanToken(template, rest, space === "" ? tokens.at(-1) : undefined);
    tokens.push(token);
    position = end;
  }
}

/** What a field may stand right behind, and belongs to then. */
const BEARERS: ReadonlySet<TokenType> = new Set<TokenType>(["field", "link", "variable"]);

function scanToken(template: string, offset: Offset, before: Token | undefined) {
  const quoted = scanQuoted(template, offset);
  if (quoted !== undefined) return quoted;
  for (const [type, pattern] of TOKENS) {
    pattern.lastIndex = offset;
    const match = pattern.exec(template);
    if (match === null) continue;
    const [whole, name] = match;
    const belongs = before !== undefined && (BEARERS.has(before.type) || before.text === ")");
    const token: Token = {
      type: type === "field" && belongs ? "link" : type,
      text: type === "number" || type === "symbol" ? whole : (name ?? ""),
      offset,
    };
    return { token, end: offset + whole.length };
  }
  throw new TemplateError(offset, `"${template.charAt(offset)}" has no meaning in an action`);
}

const ESCAPES: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function scanQuoted(template: string, offset: Offset): { readonly token: Token; readonly end: number } | undefined {
  const quote = template.charAt(offset);
  if (quote === "`") {
    const end = template.indexOf("`", offset + 1);
    if (end < 0) throw new TemplateError(offset, "a text in ` does not end");
    return { token: { type: "string", text: template.slice(offset + 1, end), offset }, end: end + 1 };
  }
  if (quote !== '"' && quote !== "'") return undefined;
  const match = (quote === '"' ? /"((?:[^"\\\n]|\\.)*)"/y : /'((?:[^'\\\n]|\\.)+)'/y).exec(template.slice(offset));
  if (match === null) throw new TemplateError(offset, `a text in ${quote} does not end on its line`);
  const text = (match[1] ?? "").replaceAll(
    /\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|x([\da-fA-F]{2})|([0-7]{3})|(.))/g,
    (
      whole,
      u: string | undefined,
      long: string | undefined,
      x: string | undefined,
      octal: string | undefined,
      other: string | undefined,
    ) => {
      const hex = u ?? long ?? x;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const known = ESCAPES[other ?? ""] ?? (/[\\"']/.test(other ?? "") ? other : undefined);
      if (known === undefined) throw new TemplateError(offset, `"${whole}" stands for nothing in a text`);
      return known;
    },
  );
  const end = offset + match[0].length;
  if (quote === "'" && Array.from(text).length !== 1) throw new TemplateError(offset, "between ' stands one character");
  // It is the number of its code point.
  if (quote === '"') return { token: { type: "string", text, offset }, end };
  return { token: { type: "number", text: String(text.codePointAt(0)), offset }, end };
}
