/** A command to run in the machine: the payload of `start`, as JSON. */
export interface CommandLine {
  readonly argv: readonly [string, ...string[]];
  /** Absolute; / where it is not there in the machine. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether `input` frames follow; else standard input is empty. */
  readonly input: boolean;
  /** The caller's terminal, for a command that is to have one too. */
  readonly terminal: TerminalSize | undefined;
}

export interface TerminalSize {
  /** 1..65535 */
  readonly columns: number;
  readonly rows: number;
}

export function encodeCommandLine(line: CommandLine): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(line));
}

/** Undefined if it is none. */
export function decodeCommandLine(payload: Uint8Array): CommandLine | undefined {
  const value = parse(new TextDecoder().decode(payload));
  if (!isRecord(value)) return undefined;
  const { argv, cwd, env, input, terminal } = value;
  if (!Array.isArray(argv) || !argv.every(isText) || typeof cwd !== "string" || typeof input !== "boolean") return;
  const [program, ...args] = argv;
  if (program === undefined || !isRecord(env) || !(terminal === undefined || isTerminalSize(terminal))) return;
  const variables = Object.entries(env).flatMap(([name, text]) => (isText(text) ? [[name, text] as const] : []));
  return { argv: [program, ...args], cwd, env: Object.fromEntries(variables), input, terminal };
}

export function encodeSize({ columns, rows }: TerminalSize): Uint8Array {
  return new Uint8Array([columns >> 8, columns & 0xff, rows >> 8, rows & 0xff]);
}

export function decodeSize(payload: Uint8Array): TerminalSize | undefined {
  const [high, low, high2, low2] = payload;
  if (high === undefined || low === undefined || high2 === undefined || low2 === undefined) return undefined;
  return { columns: (high << 8) | low, rows: (high2 << 8) | low2 };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTerminalSize(value: unknown): value is TerminalSize {
  return isRecord(value) && isCount(value["columns"]) && isCount(value["rows"]);
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
}
