import type { Command } from "commander";
import type { VersionOptions } from "../options/version.ts";
import type { Surroundings } from "../surroundings.ts";
import { withDatastoreOptions, withExamples } from "./options.ts";

export function addVersion(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("version")
    .summary("versions of this command and of the cluster")
    .description("The version of this command, and what the cluster's ClusterInformation says of its own.")
    .option("--client", "of this command only; asks no datastore")
    .action(async (options: VersionOptions) => {
      const { showVersion } = await import("../actions/version.ts");
      await showVersion(surroundings, options);
    });
  withDatastoreOptions(command);
  withExamples(command, [["version --client", "of this command only"]]);
}
