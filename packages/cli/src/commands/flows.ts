import type { Command } from "commander";
import type { FlowsOptions } from "../options/policy.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withExamples } from "./options.ts";

export function addFlows(program: Command, surroundings: Surroundings): void {
  const flows = program
    .command("flows")
    .summary("who talked to whom, and which rule decided")
    .description(
      "Show what policies decided about connections: source, destination, port, verdict, and the policy and rule that " +
        "decided, also the implicit end of a tier. Equal ones are counted together; nodes keep an hour of them. Of this " +
        "host's agent; where none runs here, of every node of the lab on this machine. Needs root, and flowLogsLocalReporter " +
        "Enabled in the FelixConfiguration. With --follow what comes from now on, until Ctrl-C.",
    )
    .option("--dropped", "only what was denied")
    .option("--follow", "from now on, a line each")
    .addOption(valueOption("--since <time>", "of the last minutes (5m), or since a time (default: all that is kept)"))
    .option("--node <name>", "a node of the lab on this machine")
    .addOption(
      valueOption("-o, --output <format>", "ps, a table, json or yaml; followed: an object a line").default("ps"),
    )
    .action(async (options: FlowsOptions) => {
      const { showFlows } = await import("../actions/flows.ts");
      await showFlows(surroundings, options);
    });
  withExamples(flows, [
    ["flows --dropped --since 5m", "what was denied in the last five minutes"],
    ["flows --follow", "who talks to whom, as it happens"],
    ["flows -o json", "for a program"],
  ]);
}
