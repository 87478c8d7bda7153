import type { Command } from "commander";
import type { WhyPacketOptions } from "../options/policy.ts";
import type { Surroundings } from "../surroundings.ts";
import { withDatastoreOptions, withExamples } from "./options.ts";
import { outputOption, withPacketOptions } from "./policy.ts";

export function addWhy(program: Command, surroundings: Surroundings): void {
  const why = withPacketOptions(program.command("why"))
    .summary("a packet's whole way, and what decides on it")
    .description(
      "Tell the way of a connection's first packet, hop by hop: on each node the route and why it is there, who the " +
        "neighbour is, what is put around it, what NAT makes of its addresses, and what the policies of either end say. It " +
        "follows from what is stored. With --live a packet is sent besides, and what was seen of it is told at each hop, " +
        "with the counters of the rules that decided; that needs root.\n\n" +
        "Exit code: 0 it passes, 1 it does not, 2 it could not be answered. With --live it is the packet's.",
    )
    .argument("<from>", "a pod, also as namespace/pod; a workload endpoint, a node, an address")
    .argument("<to>", "the same")
    .option("--live", "send one, and watch it")
    .option("--name <lab>", "in which lab (default: this node, where an agent runs; else the lab that runs)")
    .addOption(outputOption())
    .action(async (from: string, to: string, options: WhyPacketOptions) => {
      const { explainWay } = await import("../actions/why.ts");
      await explainWay(surroundings, from, to, options);
    });
  withDatastoreOptions(why);
  withExamples(why, [
    ["why web-1 db-0 --port 5432", "may it, and which way"],
    ["why web-1 203.0.113.10 --live", "and does it"],
  ]);
}
