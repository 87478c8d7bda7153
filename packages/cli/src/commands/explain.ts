import type { Command } from "commander";
import { EXPLAIN_FORMATS, type ExplainOptions } from "../options/explain.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withExamples } from "./options.ts";

export function addExplain(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("explain")
    .summary("what a kind of resource and its fields are for")
    .description(
      "Every kind there is; or a kind: what it is for, what its rules are, what its fields take and are without one; or " +
        "one field, by its path. No datastore is needed.",
    )
    .argument("[kind]", "kind of resource, with a dotted path to a field of it if wanted: ippool.spec.cidr")
    .option("--recursive", "names and types of all fields below, and nothing else")
    .addOption(valueOption("-o, --output <format>", `one of ${EXPLAIN_FORMATS.join(", ")}`).default("text"))
    .action(async (path: string | undefined, options: ExplainOptions) => {
      const { explain } = await import("../actions/explain.ts");
      explain(surroundings, path, options);
    });
  withExamples(command, [
    ["explain", "every kind"],
    ["explain ippool", "pools, and every field of them"],
    ["explain ippool.spec.blockSize", "one field; ippool.blockSize is short for it"],
    ["explain node --recursive", "all fields of a node at a glance"],
    ["explain ippool -o json-schema", "for editors that check files while they are written"],
  ]);
}
