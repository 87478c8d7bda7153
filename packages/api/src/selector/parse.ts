import { OcicatError } from "@ocicat/kit";
import type { ComparisonOperator, SelectorNode } from "./ast.ts";
import { nextToken, type Token, type TokenType } from "./tokens.ts";

/** A selector that is not one; `column` is where it stops making sense. */
export class SelectorError extends OcicatError {
  /** Counted from 1. */
  readonly column: number;
  /** What is wrong there, without the selector: "expected == and a quoted text". */
  readonly reason: string;

  constructor(selector: string, column: number, reason: string) {
    super({ code: "SELECTOR_INVALID", what: `"${selector}" is not a selector`, why: `column ${column}: ${reason}` });
    this.column = column;
    this.reason = reason;
  }
}

/** Deeper nesting than any selector a person writes; a bound, so that hostile input cannot exhaust the stack. */
const MAX_DEPTH = 100;

/**
 * Parses a selector. An empty one selects everything, as `all()`.
 *
 *     or         = and *( "||" and )
 *     and        = not *( "&&" not )
 *     not        = *"!" operand
 *     operand    = "(" or ")" / "all()" / "global()" / "has(" label ")" / comparison
 *     comparison = label ( "==" / "!=" / "contains" / "starts with" / "ends with" ) text
 *                / label ( "in" / "not in" ) "{" [ text *( "," text ) [ "," ] ] "}"
 *     text       = "'" *any "'" / '"' *any '"'                   ; no escapes
 *
 * Throws SelectorError.
 */
export function parseSelector(selector: string): SelectorNode {
  const parser = new Parser(selector);
  if (parser.at("end")) return { type: "all" };
  const node = parser.or(0);
  parser.expect("end", "an operator or the end");
  return node;
}

const COMPARISONS: readonly ComparisonOperator[] = ["==", "!=", "contains", "starts with", "ends with"];

const OPERATORS = "==, !=, in, not in, contains, starts with or ends with";

class Parser {
  readonly #selector: string;
  #token: Token;

  constructor(selector: string) {
    this.#selector = selector;
    this.#token = this.#read(0, undefined);
  }

  at(type: TokenType): boolean {
    return this.#token.type === type;
  }

  /** Takes the token that must stand here. */
  expect(type: TokenType, wanted: string): Token {
    if (!this.at(type)) this.#fail(wanted);
    return this.#take();
  }

  or(depth: number): SelectorNode {
    return this.#series("or", "||", () => this.#series("and", "&&", () => this.#not(depth)));
  }

  #series(type: "and" | "or", separator: TokenType, operand: () => SelectorNode): SelectorNode {
    const first = operand();
    if (!this.at(separator)) return first;
    const operands = [first];
    while (this.at(separator)) {
      this.#take();
      operands.push(operand());
    }
    return { type, operands };
  }

  /** Pairs of "!" cancel out, as in Calico's canonical form. */
  #not(depth: number): SelectorNode {
    let negated = false;
    for (; this.at("!"); this.#take()) negated = !negated;
    const operand = this.#operand(depth);
    return negated ? { type: "not", operand } : operand;
  }

  #operand(depth: number): SelectorNode {
    const token = this.#token;
    switch (token.type) {
      case "all":
      case "global":
        this.#take();
        return { type: token.type };
      case "has":
        this.#take();
        return { type: "has", label: token.value };
      case "label":
        this.#take();
        return this.#comparison(token.value);
      case "(":
        return this.#parenthesised(depth);
      default:
        return this.#fail("a label, has(label), all(), global(), '!' or '('");
    }
  }

  #parenthesised(depth: number): SelectorNode {
    if (depth >= MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} parentheses inside each other`);
    this.#take();
    const node = this.or(depth + 1);
    this.expect(")", "')', '&&' or '||'");
    return node;
  }

  #comparison(label: string): SelectorNode {
    const { type } = this.#token;
    if (type === "in" || type === "not in") {
      this.#take();
      return { type: "set", operator: type, label, values: this.#set() };
    }
    const operator = COMPARISONS.find((candidate) => candidate === type);
    if (operator === undefined) return this.#fail(OPERATORS);
    this.#take();
    return { type: "compare", operator, label, value: this.expect("text", "a text in quotes").value };
  }

  #set(): readonly string[] {
    this.expect("{", "'{'");
    const values = new Set<string>();
    while (this.at("text")) {
      values.add(this.#take().value);
      if (!this.at(",")) break;
      this.#take();
    }
    this.expect("}", "'}' or a text in quotes");
    return [...values].sort(byCodePoint);
  }

  #take(): Token {
    const token = this.#token;
    this.#token = this.#read(token.at + token.source.length, token.type);
    return token;
  }

  #read(from: number, previous: TokenType | undefined): Token {
    const token = nextToken(this.#selector, from, previous);
    if (token !== undefined) return token;
    const at = from + (/^[ \t]*/.exec(this.#selector.slice(from))?.[0].length ?? 0);
    throw new SelectorError(this.#selector, at + 1, this.#unreadable(at, previous));
  }

  #unreadable(at: number, previous: TokenType | undefined): string {
    const character = this.#selector.charAt(at);
    if (character === '"' || character === "'") return `the text that begins here has no closing ${character}`;
    if (character === "=") return "a single '=' is not an operator; write '=='";
    if (character === "&" || character === "|")
      return `a single '${character}' is not an operator; write '${character}${character}'`;
    if (previous === "label") return `expected ${OPERATORS}`;
    return `'${character}' cannot stand here`;
  }

  #fail(wanted: string): never {
    const found = this.at("end") ? "the end" : `'${this.#token.source}'`;
    throw new SelectorError(this.#selector, this.#token.at + 1, `expected ${wanted}, found ${found}`);
  }
}

/** Go sorts strings by their bytes; in UTF-8 that is the order of code points, which UTF-16 units do not always keep. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (const [index, character] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (character !== other) return (character.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
  }
  return left.length - right.length;
}
