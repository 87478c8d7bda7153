import { basename } from "node:path";
import { isOcicatError, toError } from "@ocicat/kit";
import { type Command, CommanderError } from "commander";
import { IN_MACHINE, labReach } from "./connect/lab.ts";
import { createProgram } from "./program.ts";
import { processSurroundings, type Surroundings } from "./surroundings.ts";

/** Runs the command that this process was started as. `argv`: the process's. */
export async function main(argv: readonly string[]): Promise<void> {
  const surroundings = processSurroundings(nameOf(argv[1]), labReach(process.env["OCICAT_LAB"] || undefined));
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
    await handingOver(args, surroundings, () => program.parseAsync(args, { from: "user" }));
  } catch (error) {
    const lines = errorLines(error, program, args, surroundings);
    for (const line of lines) surroundings.tell(line);
    if (lines.length > 0) surroundings.setExitCode(1);
  }
}

/** A command that meets a lab in a machine of its own, which it does before it has done anything, is run in there. */
async function handingOver(
  args: readonly string[],
  { handOver, setExitCode }: Surroundings,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isOcicatError(error) || error.code !== IN_MACHINE || error.where === undefined) throw error;
    setExitCode(await handOver(error.where, args));
  }
}

/** `ocicat` or `calicoctl`, by which of its names the command was called. */
function nameOf(path = "ocicat"): string {
  return basename(path).replace(/\.js$/, "");
}

/** One line; more for whoever looks for a mistake of ours; none if it is no error, but help that was asked for. */
function errorLines(
  error: unknown,
  program: Command,
  args: readonly string[],
  { env }: Surroundings,
): readonly string[] {
  if (error instanceof CommanderError) return HELP.has(error.code) ? [] : [usageLine(error, program, args)];
  const { message, stack = message } = toError(error);
  if (isOcicatError(error)) return [message];
  if (env.OCICAT_DEBUG) return stack.split("\n");
  return [`unexpected failure: ${message}; this is a mistake of ours, please report it with what OCICAT_DEBUG=1 shows`];
}

const HELP: ReadonlySet<string> = new Set(["commander.help", "commander.helpDisplayed"]);

function usageLine({ message }: CommanderError, program: Command, args: readonly string[]): string {
  return `${message.replace(/^error: /, "").replace(/\.$/, "")}; see ${commandPath(program, args).join(" ")} --help`;
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
