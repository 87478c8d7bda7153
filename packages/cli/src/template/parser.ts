import { type Offset, TemplateError } from "./error.ts";
import { type Piece, scan, type Token } from "./lexer.ts";

export type Node =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "action"; readonly pipe: Pipe }
  | Control
  | { readonly type: "break" | "continue" };

/** What is said if the pipe's value is true, or for each of its items, and what otherwise. */
export interface Control {
  readonly type: "if" | "with" | "range";
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** Commands, each with what the one before it gives as its last argument; what comes out may be given to variables. */
export interface Pipe {
  readonly variables: readonly string[];
  /** `:=` makes them, `=` changes those that are there. */
  readonly declares: boolean;
  readonly commands: readonly Command[];
  readonly offset: Offset;
}

export interface Command {
  readonly operands: readonly Operand[];
  readonly offset: Offset;
}

export type Operand = { readonly offset: Offset } & (
  | { readonly type: "literal"; readonly value: string | number | bigint | boolean | null }
  | { readonly type: "dot" }
  | { readonly type: "function"; readonly name: string }
  | { readonly type: "variable"; readonly name: string }
  | { readonly type: "pipe"; readonly pipe: Pipe }
  | { readonly type: "field"; readonly of: Operand; readonly name: string }
);

/** Parts of Go's language that are left out here. */
const LEFT_OUT: ReadonlySet<string> = new Set(["define", "template", "block", "call"]);

/** Throws TemplateError. */
export function parse(template: string): readonly Node[] {
  const parser = new Parser(scan(template));
  return parser.parse();
}

class Parser {
  readonly #pieces: readonly Piece[];
  #at = 0;
  #loops = 0;
  /** Those in scope, so that a name that nothing declares is found before anything is printed. */
  readonly #variables: string[] = [""];

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  parse(): readonly Node[] {
    const { nodes, end } = this.#list();
    if (end !== undefined) throw new TemplateError(end.offset, `there is nothing that {{${end.word}}} could belong to`);
    return nodes;
  }

  /** Up to an `end` or an `else` that is not of something inside it. */
  #list(): { readonly nodes: readonly Node[]; readonly end: End | undefined } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) return { nodes, end: undefined };
      if (piece.type === "text") {
        nodes.push(piece);
        continue;
      }
      const [first, ...rest] = piece.tokens;
      const word = first?.type === "identifier" ? first.text : "";
      if (word === "end" || word === "else") return { nodes, end: { word, rest, offset: piece.offset } };
      nodes.push(this.#action(word, piece.tokens, piece.offset));
    }
  }

  #action(word: string, tokens: readonly Token[], offset: Offset): Node {
    if (LEFT_OUT.has(word)) throw leftOut(word, offset);
    if (word === "if" || word === "with" || word === "range") return this.#control(word, tokens.slice(1), offset);
    if (word === "break" || word === "continue") {
      if (this.#loops === 0) throw new TemplateError(offset, `{{${word}}} is in no range`);
      return { type: word };
    }
    return { type: "action", pipe: this.#pipe(tokens, offset, 1) };
  }

  #control(word: "if" | "with" | "range", tokens: readonly Token[], offset: Offset): Node {
    const scope = this.#variables.length;
    const pipe = this.#pipe(tokens, offset, word === "range" ? 2 : 1);
    this.#loops += word === "range" ? 1 : 0;
    const { nodes: body, end } = this.#list();
    this.#loops -= word === "range" ? 1 : 0;
    const otherwise = this.#otherwise(word, end, offset);
    this.#variables.length = scope;
    return { type: word, pipe, body, otherwise };
  }

  #otherwise(word: string, end: End | undefined, offset: Offset): readonly Node[] {
    if (end === undefined) throw new TemplateError(offset, `{{${word}}} has no {{end}}`);
    if (end.word === "end") {
      if (end.rest.length > 0) throw new TemplateError(end.offset, "{{end}} stands alone");
      return [];
    }
    const [next, ...rest] = end.rest;
    // `else if` is an `if` in the `else`, and shares its `end`.
    if (next?.type === "identifier" && next.text === word && word !== "range")
      return [this.#control(word === "if" ? "if" : "with", rest, end.offset)];
    if (next !== undefined) throw new TemplateError(end.offset, `{{else ${next.text}}} does not fit {{${word}}}`);
    const { nodes, end: last } = this.#list();
    if (last?.word !== "end") throw new TemplateError(offset, `{{${word}}} has no {{end}} after its {{else}}`);
    return nodes;
  }

  #pipe(tokens: readonly Token[], offset: Offset, mostVariables: number): Pipe {
    const cursor = new Cursor(tokens, offset);
    const head = this.#assignment(cursor, mostVariables);
    const commands = this.#commands(cursor, false);
    if (head.declares) this.#variables.push(...head.variables);
    return { ...head, commands, offset };
  }

  /** `$x :=`, `$x =`, `$i, $x :=` before a pipe. */
  #assignment(cursor: Cursor, most: number): Pick<Pipe, "variables" | "declares"> {
    const none = { variables: [], declares: false };
    const comma = cursor.peek(1)?.text === "," && cursor.peek(1)?.type === "symbol";
    const sign = cursor.peek(comma ? 3 : 1);
    if (cursor.peek()?.type !== "variable" || sign?.type !== "symbol" || (sign.text !== ":=" && sign.text !== "=")) {
      if (comma) throw new TemplateError(cursor.offset, "a comma stands only between a range's variables");
      return none;
    }
    const [first, second] = [cursor.peek(), comma ? cursor.peek(2) : undefined];
    if (comma && (most < 2 || second?.type !== "variable"))
      throw new TemplateError(cursor.offset, "two variables are for range only");
    cursor.skip(comma ? 4 : 2);
    const variables = [first, second].flatMap((token) => (token === undefined ? [] : [token.text]));
    const declares = sign.text === ":=";
    if (variables.includes("")) throw new TemplateError(sign.offset, "$ is the data, and cannot be another");
    for (const name of declares ? [] : variables) this.#mustBeDeclared(name, sign.offset);
    return { variables, declares };
  }

  #commands(cursor: Cursor, inParentheses: boolean): readonly Command[] {
    const commands: Command[] = [];
    for (;;) {
      const offset = cursor.offset;
      const operands: Operand[] = [];
      for (let token = cursor.peek(); token !== undefined && !isEnd(token); token = cursor.peek())
        operands.push(this.#operand(cursor));
      if (operands.length === 0) throw new TemplateError(offset, "a value or a function is missing");
      if (commands.length > 0 && (operands[0]?.type === "literal" || operands[0]?.type === "dot"))
        throw new TemplateError(offset, "what stands behind a | takes what comes out before it: a function");
      commands.push({ operands, offset });
      const token = cursor.next();
      if (token?.text === "|") continue;
      if (inParentheses !== (token?.text === ")")) {
        const what = inParentheses ? 'a "(" is not closed' : `"${token?.text ?? ""}" closes nothing`;
        throw new TemplateError(offset, what);
      }
      return commands;
    }
  }

  #operand(cursor: Cursor): Operand {
    const token = cursor.next();
    if (token === undefined) throw new TemplateError(cursor.offset, "a value is missing");
    let operand = this.#first(token, cursor);
    for (let link = cursor.peek(); link?.type === "link"; link = cursor.peek()) {
      cursor.skip(1);
      operand = { type: "field", of: operand, name: link.text, offset: link.offset };
    }
    return operand;
  }

  #first(token: Token, cursor: Cursor): Operand {
    const { type, text, offset } = token;
    switch (type) {
      case "string":
        return { type: "literal", value: text, offset };
      case "number":
        return { type: "literal", value: numberFrom(text, offset), offset };
      case "dot":
        return { type: "dot", offset };
      case "field":
      case "link":
        return { type: "field", of: { type: "dot", offset }, name: text, offset };
      case "variable":
        this.#mustBeDeclared(text, offset);
        return { type: "variable", name: text, offset };
      case "identifier":
        if (LEFT_OUT.has(text)) throw leftOut(text, offset);
        if (text === "true" || text === "false") return { type: "literal", value: text === "true", offset };
        return text === "nil" ? { type: "literal", value: null, offset } : { type: "function", name: text, offset };
      case "symbol":
        if (text !== "(") throw new TemplateError(offset, `"${text}" does not belong here`);
        return {
          type: "pipe",
          pipe: { variables: [], declares: false, commands: this.#commands(cursor, true), offset },
          offset,
        };
    }
  }

  #mustBeDeclared(name: string, offset: Offset): void {
    if (!this.#variables.includes(name)) throw new TemplateError(offset, `there is no variable $${name}`);
  }
}

interface End {
  readonly word: "end" | "else";
  readonly rest: readonly Token[];
  readonly offset: Offset;
}

class Cursor {
  readonly #tokens: readonly Token[];
  readonly #start: Offset;
  #at = 0;

  constructor(tokens: readonly Token[], start: Offset) {
    this.#tokens = tokens;
    this.#start = start;
  }

  get offset(): Offset {
    return this.peek()?.offset ?? this.#start;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  skip(count: number): void {
    this.#at += count;
  }
}

function isEnd({ type, text }: Token): boolean {
  return type === "symbol" && (text === "|" || text === ")");
}

function numberFrom(text: string, offset: Offset): number | bigint {
  const digits = text.replaceAll("_", "").replace(/^\+/, "");
  const isOldOctal = /^-?0[0-7]+$/.test(digits);
  const value = Number(isOldOctal ? digits.replace("0", "0o") : digits.replace(/^-(?=0[xXoObB])/, ""));
  if (Number.isNaN(value)) throw new TemplateError(offset, `"${text}" is not a number`);
  const signed = /^-0[xXoObB]/.test(digits) ? -value : value;
  return /^-?\d+$/.test(digits) && !isOldOctal && !Number.isSafeInteger(signed) ? BigInt(digits) : signed;
}

function leftOut(word: string, offset: Offset): TemplateError {
  return new TemplateError(
    offset,
    `"${word}" is a part of Go's templates that is not here`,
    "see docs/cli.md for what is",
  );
}
