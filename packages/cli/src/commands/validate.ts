import type { Command } from "commander";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { ValidateOptions } from "../options/validate.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withExamples, withFileOptions } from "./options.ts";

export function addValidate(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("validate")
    .summary("check files of resources without a datastore")
    .description(
      "Check resources as create would, as far as that can be done without a datastore, and say everything that is " +
        "wrong: file, document, line, field, value, rule. The exit code is 1 if anything is.",
    );
  withFileOptions(command)
    .addOption(valueOption("-n, --namespace <namespace>", "for resources that name none").default(DEFAULT_NAMESPACE))
    .action(async (options: ValidateOptions) => {
      const { validate } = await import("../actions/validate.ts");
      await validate(surroundings, options);
    });
  withExamples(command, [
    ["validate -f pool.yaml", "the resources of a file"],
    ["validate -R -f manifests/", "those of a directory, and of all below it"],
  ]);
}
