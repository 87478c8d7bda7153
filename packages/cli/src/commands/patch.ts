import type { Command } from "commander";
import type { PatchOptions } from "../options/patch.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addPatch(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("patch")
    .summary("change some fields of a resource")
    .description(
      "Change some fields of a resource, as a patch says. It is written over exactly what was read, and tried again on the " +
        "newer where somebody else was faster.\n\n" +
        "Types of patch: strategic, the standard, and merge (RFC 7386) put in what is given and take out what is given as " +
        "null; a list is replaced whole, for no kind says how its lists would be merged. json (RFC 6902) is a list of " +
        "operations: add, remove, replace, move, copy, test.",
    )
    .argument("<kind>", "kind of resource: its name, plural or short form")
    .argument("<name>", "its name")
    .addOption(valueOption("-p, --patch <patch>", "the patch, as JSON or YAML"))
    .addOption(valueOption("-f, --patch-file <file>", "the same from a file; - is standard input"))
    .addOption(valueOption("-t, --type <type>", "strategic, merge or json").default("strategic"))
    .addOption(valueOption("-n, --namespace <namespace>", "of namespaced kinds").default(DEFAULT_NAMESPACE))
    .action(async (word: string, name: string, options: PatchOptions) => {
      const { patch } = await import("../actions/patch.ts");
      await patch(surroundings, word, name, options);
    });
  withDatastoreOptions(command);
  withExamples(command, [
    [`patch ippool tiny -p '{"spec":{"natOutgoing":false}}'`, "one field of a pool"],
    [`patch node node1 -p '{"spec":{"bgp":{"routeReflectorClusterID":null}}}'`, "takes a field away"],
    [`patch bgppeer tor -t json -p '[{"op":"add","path":"/spec/filters/-","value":"f1"}]'`, "one more item of a list"],
    ["patch felixconfig default -f change.yaml", "what a file says"],
  ]);
}
