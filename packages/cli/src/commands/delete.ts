import type { Command } from "commander";
import type { DeleteOptions } from "../options/delete.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples, withFileOptions } from "./options.ts";

export function addDelete(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("delete")
    .summary("delete resources")
    .description(
      "Delete the resources of a file, or those of a kind by name. All are deleted or none is: if one is not there, " +
        "nothing happens, unless --skip-not-exists says that this is no error.",
    )
    .argument("[kind]", "kind of resource: its name, plural or short form")
    .argument("[names...]", "names")
    .addOption(valueOption("-n, --namespace <namespace>", "of namespaced kinds").default(DEFAULT_NAMESPACE))
    .option("-s, --skip-not-exists", "what is not there is no error")
    .action(async (word: string | undefined, names: string[], options: DeleteOptions) => {
      const { remove } = await import("../actions/delete.ts");
      await remove(surroundings, word, names, options);
    });
  withDatastoreOptions(withFileOptions(command));
  withExamples(command, [
    ["delete ippool tiny", "a pool by name"],
    ["delete -f pool.yaml --skip-not-exists", "what a file holds, as far as it is there"],
  ]);
}
