import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";
import { type DatastoreOptions, withDatastoreOptions, withExamples } from "./options.ts";

export interface VersionOptions extends DatastoreOptions {
  readonly client?: boolean;
}

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
