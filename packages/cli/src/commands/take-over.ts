import type { Command } from "commander";
import type { DatastoreOptions } from "../options/shared.ts";
import type { TakeOverCommandOptions } from "../options/take-over.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addTakeOver(program: Command, surroundings: Surroundings): void {
  const calico = program
    .command("migrate")
    .summary("take a cluster over from Calico")
    .description("Take a cluster over from Calico, node by node with pods running, and back.")
    .command("calico")
    .description(
      "Ocicat goes on with what Calico has stored, with the addresses, routes and interfaces that are there: first plan, " +
        "then take-over. See docs/kubernetes.md.",
    );
  const plan = calico
    .command("plan")
    .summary("what is kept, what changes, what is refused")
    .description(
      "Read what Calico has stored, in either datastore, and say what is kept, what will mean something else, and what " +
        "stands in the way. Nothing is changed. The exit code is 1 if something does.",
    )
    .action(async (options: DatastoreOptions) => {
      const { plan: show } = await import("../actions/take-over.ts");
      await show(surroundings, options);
    });
  withExamples(withDatastoreOptions(plan), [["migrate calico plan", "before anything else"]]);
  addNodes(calico, surroundings, "take-over", "takeOver", {
    summary: "nodes from Calico, with their pods running",
    description:
      "Take nodes over, one after the other: Calico's node ends there, the agent starts, and Calico's rules go once its own " +
      "stand. Needs deploy/ocicat-migrate.yaml applied. Stops at a node that does not become ready.",
    example: ["migrate calico take-over node1", "one, to see"],
  });
  addNodes(calico, surroundings, "back", "giveBack", {
    summary: "nodes back to Calico",
    description: "Give nodes back to Calico, one after the other, with their pods running.",
    example: ["migrate calico back --all", "all that were taken over"],
  });
}

function addNodes(
  calico: Command,
  surroundings: Surroundings,
  name: string,
  verb: "takeOver" | "giveBack",
  words: { readonly summary: string; readonly description: string; readonly example: readonly [string, string] },
): void {
  const command = calico
    .command(`${name} [node...]`)
    .summary(words.summary)
    .description(words.description)
    .option("--all", "all nodes, in order of name")
    .addOption(valueOption("--timeout <seconds>", "how long a node may take").default("180"))
    .action(async (nodes: readonly string[], options: TakeOverCommandOptions) => {
      const { moveNodes } = await import("../actions/take-over.ts");
      await moveNodes(surroundings, verb, nodes, options);
    });
  withExamples(withDatastoreOptions(command), [words.example]);
}
