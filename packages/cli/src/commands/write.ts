import type { Command } from "commander";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Verb, WriteOptions } from "../options/write.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples, withFileOptions } from "./options.ts";

const VERBS: readonly Verb[] = [
  {
    name: "create",
    done: "created",
    summary: "create resources",
    description: "Create resources that are not there yet.",
    examples: [
      ["create -f pool.yaml", "the resources of a file"],
      ["create -f pools/ --skip-exists", "those of a directory that are not there yet"],
    ],
  },
  {
    name: "apply",
    done: "applied",
    summary: "create resources, or change those that are there",
    description:
      "Create resources, or change those that are there. What carries a resourceVersion, as get prints it, is changed " +
      "only if nobody else changed it meanwhile.",
    examples: [
      ["apply -f pool.yaml", "the resources of a file"],
      ["apply -f - < pool.yaml", "those on standard input"],
    ],
  },
  {
    name: "replace",
    done: "replaced",
    summary: "change resources that are there",
    description: "Change resources that are there: what is not in the file goes back to its standard.",
    examples: [["replace -f pool.yaml", "the resources of a file"]],
  },
];

/** calicoctl's promise is weaker: it writes what comes before the first bad document. */
const WHOLE = "All of the resources are written or none is: each is checked before the first is written.";

export function addWriters(program: Command, surroundings: Surroundings): void {
  for (const verb of VERBS) {
    const command = program.command(verb.name).summary(verb.summary).description(`${verb.description}\n\n${WHOLE}`);
    withFileOptions(command).addOption(
      valueOption("-n, --namespace <namespace>", "for resources that name none").default(DEFAULT_NAMESPACE),
    );
    if (verb.name === "create") command.option("--skip-exists", "leave alone what is there already");
    withDatastoreOptions(command).action(async (options: WriteOptions) => {
      const { write } = await import("../actions/write.ts");
      await write(surroundings, verb, options);
    });
    withExamples(command, verb.examples);
  }
}
