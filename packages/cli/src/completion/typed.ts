import type { Argument, Command, Option } from "commander";

/** A command line as far as it is typed, up to the word that is to be completed. */
export interface Typed {
  /** The command that it leads to. */
  readonly command: Command;
  /** Its words: `lab node rm`. */
  readonly path: string;
  readonly operands: readonly string[];
  /** Values of options, by their long names: `--namespace`. */
  readonly options: ReadonlyMap<string, string>;
  /** What the word to complete is. */
  readonly place: Place;
  /** What of it is typed. */
  readonly stem: string;
  /** What stands before the stem in the same word: `--output=`. */
  readonly lead: string;
}

export type Place =
  | { readonly is: "option" }
  | { readonly is: "value"; readonly option: Option }
  | { readonly is: "command" }
  | { readonly is: "argument"; readonly argument: Argument | undefined };

/**
 * Follows the words through the program's declarations. The last word is the one to complete; it may be empty. Bash parts
 * words at `=`, so that `--output=wide` comes as three.
 */
export function followWords(program: Command, words: readonly string[]): Typed {
  const line = new Line(program);
  const typed = words.filter((word, index) => word !== "=" || index === words.length - 1);
  for (const word of typed.slice(0, -1)) line.take(word);
  const last = typed.at(-1) ?? "";
  return line.typed(last === "=" ? "" : last);
}

class Line {
  #command: Command;
  readonly #path: string[] = [];
  readonly #operands: string[] = [];
  readonly #options = new Map<string, string>();
  /** The option whose value comes next. */
  #pending: Option | undefined;
  /** After `--` there are no options. */
  #plain = false;

  constructor(program: Command) {
    this.#command = program;
  }

  take(word: string): void {
    if (this.#pending !== undefined) {
      this.#options.set(longName(this.#pending), word);
      this.#pending = undefined;
    } else if (!this.#plain && word === "--") {
      this.#plain = true;
    } else if (!this.#plain && word.startsWith("-")) {
      this.#takeOption(word);
    } else {
      this.#takeOperand(word);
    }
  }

  typed(last: string): Typed {
    const [name, value] = splitOption(last);
    const inline = this.#plain || value === undefined ? undefined : this.#find(name);
    return {
      command: this.#command,
      path: this.#path.join(" "),
      operands: this.#operands,
      options: this.#options,
      place: inline === undefined ? this.#place(last) : { is: "value", option: inline },
      stem: inline === undefined ? last : (value ?? ""),
      lead: inline === undefined ? "" : `${name}=`,
    };
  }

  #place(last: string): Place {
    if (this.#pending !== undefined) return { is: "value", option: this.#pending };
    if (!this.#plain && last.startsWith("-")) return { is: "option" };
    // After a word that is no command there is nothing that could be said.
    if (this.#command.commands.length > 0 && this.#operands.length === 0) return { is: "command" };
    const { registeredArguments } = this.#command;
    const next = registeredArguments[this.#operands.length];
    const repeated = registeredArguments.at(-1);
    return { is: "argument", argument: next ?? (repeated?.variadic === true ? repeated : undefined) };
  }

  #takeOption(word: string): void {
    const [name, value] = splitOption(word);
    const option = this.#find(name);
    if (option === undefined) return;
    if (value !== undefined) this.#options.set(longName(option), value);
    else if (option.required || option.optional) this.#pending = option;
    else this.#options.set(longName(option), "");
  }

  #takeOperand(word: string): void {
    const below = this.#command.commands.find((candidate) => candidate.name() === word);
    if (below === undefined || this.#operands.length > 0) {
      this.#operands.push(word);
    } else {
      this.#command = below;
      this.#path.push(word);
    }
  }

  #find(name: string): Option | undefined {
    return this.#command.options.find((option) => option.long === name || option.short === name);
  }
}

export function longName(option: Option): string {
  return option.long ?? option.flags;
}

function splitOption(word: string): readonly [name: string, value: string | undefined] {
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  return name === undefined ? [word, undefined] : [name, value];
}
