import { type Offset, placed, TemplateError } from "./error.ts";
import { call, FUNCTIONS, type TemplateFunction } from "./functions.ts";
import { type Command, type Control, type Node, type Operand, type Pipe, parse } from "./parser.ts";
import { format, isList, isMap, isNumber, kindOf, member, Struct, sortedKeys, truth, type Value } from "./value.ts";

/** Carries a template out. `where`: what it is called in errors. Throws OcicatError TEMPLATE_INVALID. */
export function execute(
  template: string,
  data: Value,
  options: { readonly where: string; readonly functions?: Readonly<Record<string, TemplateFunction>> },
): string {
  try {
    const run = new Run(data, { ...FUNCTIONS, ...options.functions });
    run.list(parse(template), data);
    return run.output;
  } catch (error) {
    throw error instanceof TemplateError ? placed(error, template, options.where) : error;
  }
}

/** Why a list of nodes ended before its end. */
type Ended = "break" | "continue" | undefined;

class Run {
  output = "";
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  /** The innermost last; a name may stand in it more than once. */
  readonly #variables: { readonly name: string; value: Value }[];

  constructor(data: Value, functions: Readonly<Record<string, TemplateFunction>>) {
    this.#functions = functions;
    this.#variables = [{ name: "", value: data }];
  }

  list(nodes: readonly Node[], dot: Value): Ended {
    for (const node of nodes) {
      const ended = this.#node(node, dot);
      if (ended !== undefined) return ended;
    }
    return undefined;
  }

  #node(node: Node, dot: Value): Ended {
    switch (node.type) {
      case "text":
        this.output += node.text;
        return undefined;
      case "action": {
        const value = this.#assigned(node.pipe, dot);
        if (node.pipe.variables.length === 0)
          this.output += value === undefined || value === null ? "<no value>" : format(value);
        return undefined;
      }
      case "break":
      case "continue":
        return node.type;
      case "range":
        return this.#scoped(() => this.#range(node, dot));
      case "if":
      case "with":
        return this.#scoped(() => {
          const value = this.#assigned(node.pipe, dot);
          return truth(value)
            ? this.list(node.body, node.type === "with" ? value : dot)
            : this.list(node.otherwise, dot);
        });
    }
  }

  /** What is declared within is gone behind. */
  #scoped(work: () => Ended): Ended {
    const depth = this.#variables.length;
    const ended = work();
    this.#variables.length = depth;
    return ended;
  }

  #range({ pipe, body, otherwise }: Omit<Control, "type">, dot: Value): Ended {
    const over = this.#value(pipe, dot);
    if (isNumber(over) && pipe.variables.length > 1)
      throw new TemplateError(pipe.offset, "a range over a number has one variable");
    const entries = entriesOf(over, pipe.offset);
    for (const [key, value] of entries) {
      let ended: Ended;
      this.#scoped(() => {
        const [first, second] = pipe.variables;
        // One variable is the element, two are index and element.
        if (second !== undefined) this.#give(pipe, [key, value]);
        else if (first !== undefined) this.#give(pipe, [value]);
        ended = this.list(body, value);
        return undefined;
      });
      if (ended === "break") break;
    }
    return entries.length === 0 ? this.list(otherwise, dot) : undefined;
  }

  #assigned(pipe: Pipe, dot: Value): Value {
    const value = this.#value(pipe, dot);
    if (pipe.variables.length > 0) this.#give(pipe, [value]);
    return value;
  }

  #give({ variables, declares }: Pipe, values: readonly Value[]): void {
    for (const [index, name] of variables.entries()) {
      const value = values[index];
      const present = declares ? undefined : this.#variables.findLast((variable) => variable.name === name);
      if (present === undefined) this.#variables.push({ name, value });
      else present.value = value;
    }
  }

  #value({ commands }: Pipe, dot: Value): Value {
    let piped: readonly Value[] = [];
    for (const command of commands) piped = [this.#command(command, dot, piped)];
    return piped[0];
  }

  #command({ operands }: Command, dot: Value, piped: readonly Value[]): Value {
    const [first, ...rest] = operands;
    if (first === undefined) return undefined;
    if (first.type === "function") return this.#called(first, rest, dot, piped);
    if (first.type === "literal" && first.value === null)
      throw new TemplateError(first.offset, "nil says nothing by itself");
    if (rest.length === 0 && piped.length === 0) return this.#operand(first, dot);
    throw new TemplateError(first.offset, "only a function takes arguments, and what comes out of a pipe");
  }

  #called(
    { name, offset }: Operand & { type: "function" },
    operands: readonly Operand[],
    dot: Value,
    piped: readonly Value[],
  ): Value {
    if (name === "and" || name === "or") return this.#shortCircuit(name, offset, operands, dot, piped);
    const definition = Object.hasOwn(this.#functions, name) ? this.#functions[name] : undefined;
    if (definition === undefined) {
      const known = ["and", "or", ...Object.keys(this.#functions)].sort().join(", ");
      throw new TemplateError(offset, `there is no function ${name}`, `use one of ${known}`);
    }
    return call(name, definition, [...operands.map((operand) => this.#operand(operand, dot)), ...piped], offset);
  }

  /** The first that decides; what stands behind it is not looked at. */
  #shortCircuit(
    name: "and" | "or",
    offset: Offset,
    operands: readonly Operand[],
    dot: Value,
    piped: readonly Value[],
  ): Value {
    if (operands.length + piped.length === 0)
      throw new TemplateError(offset, `${name} takes at least 1 argument, not 0`);
    let value: Value;
    for (const operand of operands) {
      value = this.#operand(operand, dot);
      if (truth(value) === (name === "or")) return value;
    }
    return piped.length === 0 ? value : piped[0];
  }

  #operand(operand: Operand, dot: Value): Value {
    switch (operand.type) {
      case "literal":
        return operand.value;
      case "dot":
        return dot;
      case "variable":
        return this.#variables.findLast(({ name }) => name === operand.name)?.value;
      case "pipe":
        return this.#value(operand.pipe, dot);
      case "field":
        return fieldOf(this.#operand(operand.of, dot), operand.name, operand.offset);
      case "function":
        return this.#called(operand, [], dot, []);
    }
  }
}

function fieldOf(value: Value, name: string, offset: Offset): Value {
  if (value instanceof Struct) return value.field(name, offset);
  if (isMap(value)) return member(value, name);
  // What is not there has nothing either; what is there and is nil cannot be asked.
  if (value === undefined) return value;
  throw new TemplateError(offset, `${kindOf(value)} has no field ${name}`);
}

function entriesOf(value: Value, offset: Offset): readonly (readonly [Value, Value])[] {
  if (value === null || value === undefined) return [];
  if (isList(value)) return value.map((item, index) => [index, item] as const);
  if (isMap(value)) return sortedKeys(value).map((key) => [key, member(value, key)] as const);
  if (isNumber(value) && Number.isInteger(Number(value)))
    return Array.from({ length: Math.max(0, Number(value)) }, (_, index) => [index, index] as const);
  throw new TemplateError(offset, `range does not go over ${kindOf(value)}`);
}
