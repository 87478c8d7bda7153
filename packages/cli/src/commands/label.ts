import type { Command } from "commander";
import type { LabelOptions } from "../options/label.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addLabel(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("label")
    .summary("set or remove a label of a resource")
    .description(
      "Set a label of a resource, or remove it. A label that has another value already is an error, unless --overwrite " +
        "says to change it; so is the removal of one that is not there.",
    )
    .argument("<kind>", "kind of resource: its name, plural or short form")
    .argument("<name>", "its name")
    .argument("<label>", "key=value; with --remove the key")
    .option("--overwrite", "change the value of a label that is there")
    .option("--remove", "remove the label")
    .addOption(valueOption("-n, --namespace <namespace>", "of namespaced kinds").default(DEFAULT_NAMESPACE))
    .action(async (word: string, name: string, text: string, options: LabelOptions) => {
      const { label } = await import("../actions/label.ts");
      await label(surroundings, word, name, text, options);
    });
  withDatastoreOptions(command);
  withExamples(command, [
    ["label nodes node1 rack=a7", "a label that node1 does not have yet"],
    ["label nodes node1 rack=b2 --overwrite", "another value for it"],
    ["label nodes node1 rack --remove", "takes it away"],
  ]);
}
