import { type Command, Option } from "commander";

/** An option with a value; `-o=wide` is taken as `-o wide`, as calicoctl takes it. */
export function valueOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value) => value.replace(/^=/, ""));
}

export function withDatastoreOptions(command: Command): Command {
  return command
    .addOption(valueOption("-c, --config <file>", "how to reach the datastore: a CalicoAPIConfig file"))
    .addOption(new Option("--allow-version-mismatch", "accepted for calicoctl's scripts: nothing to allow").hideHelp());
}

export function withFileOptions(command: Command): Command {
  return command
    .addOption(valueOption("-f, --filename <file>", "YAML or JSON, or a directory of such files; - is standard input"))
    .option("-R, --recursive", "go into directories below the one given with -f")
    .option("--skip-empty", "files without a resource are no error");
}

/** Examples under a command's help: each a line as it is typed, and what it does. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  return command.addHelpText("after", () => {
    const name = rootOf(command).name();
    const width = Math.max(...examples.map(([line]) => line.length));
    const lines = examples.map(([line, does]) => `  ${name} ${line.padEnd(width)}  ${does}`);
    return `\nExamples:\n${lines.join("\n")}`;
  });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
