import type { Command } from "commander";
import type { WhyOptions } from "../options/routes.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withExamples } from "./options.ts";

export function addRoutes(program: Command, surroundings: Surroundings): void {
  const routes = program
    .command("routes")
    .summary("look at routes")
    .description("Look at the routes that agents program.");
  const why = routes
    .command("why")
    .summary("why a route is there, or is not")
    .description(
      "Every route of ours that holds an address, or lies in or around a block: where it came from, whether the kernel " +
        "has it, and why it is announced. Of this host's agent; where none runs here, of every node of the lab on this " +
        "machine. Needs root.",
    )
    .argument("<target>", "address, or network as address/length")
    .option("--node <name>", "a node of the lab on this machine")
    .addOption(valueOption("-o, --output <format>", "ps, a table, or json").default("ps"))
    .action(async (target: string, options: WhyOptions) => {
      const { explainRoutes } = await import("../actions/routes-why.ts");
      await explainRoutes(surroundings, target, options);
    });
  withExamples(why, [
    ["routes why 10.244.166.128/26", "why a block's routes are there"],
    ["routes why 10.244.166.131 --node node2", "how node2 reaches a pod"],
  ]);
}
