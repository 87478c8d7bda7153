import { Argument, type Command } from "commander";
import { SHELLS, type Shell } from "../completion/scripts.ts";
import type { Surroundings } from "../surroundings.ts";
import { withExamples } from "./options.ts";

export function addCompletion(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("completion")
    .summary("let a shell complete commands, kinds and names")
    .description(
      "Print what a shell needs to complete commands, options, kinds with their short forms, and the names of what the " +
        "datastore holds; for a datastore that does not answer at once nothing is offered.",
    )
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .action(async (shell: Shell) => {
      const { completionScript } = await import("../completion/scripts.ts");
      surroundings.print(completionScript(shell));
    });
  withExamples(command, [
    ["completion bash > /etc/bash_completion.d/ocicat", "bash, for everybody"],
    ["completion zsh > /usr/local/share/zsh/site-functions/_ocicat", "zsh, for everybody"],
    ["completion fish > ~/.config/fish/completions/ocicat.fish", "fish"],
  ]);
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: readonly string[]) => {
      const { complete } = await import("../completion/complete.ts");
      const answer = await complete(surroundings, program, words);
      const lines = answer.is === "words" ? answer.candidates.map((candidate) => candidate.join("\t")) : [];
      surroundings.print(`${[answer.is, ...lines].join("\n")}\n`);
    });
}
