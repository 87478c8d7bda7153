import { basename } from "node:path";
import { isOcicatError, toError } from "@ocicat/kit";
import { type Command, CommanderError } from "commander";
import { labReach } from "./connect/lab.ts";
import { createProgram } from "./program.ts";
import { processSurroundings, type Surroundings } from "./surroundings.ts";

/** Runs the command that this process was started as. `argv`: the process's. */
export async function main(argv: readonly string[]): Promise<void> {
  const surroundings = processSurroundings(nameOf(argv[1]), labReach());
  // A reader that has seen enough (`| head -1`) is no failure of ours, and no reason to leave something half done.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  await run(argv.slice(2), surroundings);
}

/** Runs one command. An error is one line on standard error and exit code 1, as with calicoctl. Never rejects. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<void> {
  const program = createProgram(surroundings);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const line = errorLine(error, program, args, surroundings);
    if (line === undefined) return;
    surroundings.tell(line);
    surroundings.setExitCode(1);
  }
}

/** `ocicat` or `calicoctl`, by which of its names the command was called. */
function nameOf(path = "ocicat"): string {
  return basename(path).replace(/\.js$/, "");
}

/** Undefined if it is no error: help was printed. */
function errorLine(
  error: unknown,
  program: Command,
  args: readonly string[],
  { env }: Surroundings,
): string | undefined {
  if (error instanceof CommanderError) return usageLine(error, program, args);
  const { message, stack } = toError(error);
  if (isOcicatError(error)) return oneLine(message);
  const more = env.OCICAT_DEBUG
    ? `\n${stack}`
    : "; OCICAT_DEBUG=1 shows where. This is a mistake of ours: please report it";
  return `unexpected failure: ${oneLine(message)}${more}`;
}

const HELP: ReadonlySet<string> = new Set(["commander.help", "commander.helpDisplayed"]);

function usageLine({ code, message }: CommanderError, program: Command, args: readonly string[]): string | undefined {
  if (HELP.has(code)) return undefined;
  return `${oneLine(message).replace(/^error: /, "")}; see ${commandPath(program, args).join(" ")} --help`;
}

/** The command that the arguments lead to, as far as they do. */
function commandPath(program: Command, args: readonly string[]): readonly string[] {
  const path = [program.name()];
  let command = program;
  for (const word of args) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) break;
    path.push(word);
    command = next;
  }
  return path;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}
