import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";
import { withExamples } from "./options.ts";

export function addNode(program: Command, surroundings: Surroundings): void {
  const node = program.command("node").summary("look at this node").description("Look at this node.");
  const status = node
    .command("status")
    .summary("its BGP sessions")
    .description(
      "The BGP sessions of this node, as its agent sees them: with whom, since when (local time; the date for what is " +
        "older than 20 hours), and why one is not established. Where no agent runs on this host but a lab does: of the " +
        "lab's first node, or of the one named. Needs root.",
    )
    .option("--node <name>", "a node of the lab on this machine")
    .action(async (options: { node?: string }) => {
      const { showNodeStatus } = await import("../actions/node-status.ts");
      await showNodeStatus(surroundings, options.node);
    });
  withExamples(status, [
    ["node status", "this node's sessions"],
    ["node status --node node1", "those of a node of the lab"],
  ]);
}
