import type { Command } from "commander";
import type { PolicyWhyOptions } from "../options/policy.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addPolicy(program: Command, surroundings: Surroundings): void {
  const policy = program
    .command("policy")
    .summary("what policies do, and would do")
    .description(
      "Look at policies: who may send what to whom and why, what would change, what is wrong with them, and whether the " +
        "kernel does what they say.",
    );
  for (const add of [addWhy]) add(policy, surroundings);
}

export const outputOption = () => valueOption("-o, --output <format>", "ps, for people, json or yaml").default("ps");

/** Which packet is meant. */
export function withPacketOptions(command: Command): Command {
  return command
    .addOption(valueOption("--port <number>", "to this port"))
    .addOption(
      valueOption(
        "--proto <protocol>",
        "tcp, udp, sctp, icmp or a number (default: tcp with a port, else an echo request)",
      ),
    )
    .addOption(valueOption("--protocol <protocol>", "the same as --proto").hideHelp())
    .addOption(valueOption("--source-port <number>", "from this port (default: 40000)"))
    .option("-6, --ipv6", "by IPv6, where both have an address of either family");
}

function addWhy(policy: Command, surroundings: Surroundings): void {
  const why = withPacketOptions(policy.command("why"))
    .summary("whether a packet passes, and what decides")
    .description(
      "Say whether the first packet of a connection passes the policies of both ends, and tell each step: endpoint, tier, " +
        "policy, rule, and what ended it where no rule did. Everything is taken from the datastore; with -f as if the " +
        "file were applied, and the lines of its rules are named.\n\n" +
        "Exit code: 0 it passes, 1 it is denied, 2 it could not be answered.",
    )
    .argument("<from>", "a pod, also as namespace/pod; a workload endpoint, a node, a host endpoint, an address")
    .argument("<to>", "the same")
    .addOption(valueOption("-f, --filename <file>", "as if this were applied: policies, tiers, profiles, network sets"))
    .addOption(outputOption())
    .action(async (from: string, to: string, options: PolicyWhyOptions) => {
      const { explainPolicy } = await import("../actions/policy-why.ts");
      await explainPolicy(surroundings, from, to, options);
    });
  withDatastoreOptions(why);
  withExamples(why, [
    ["policy why web-1 db-0 --port 5432", "may web-1 connect to db-0"],
    ["policy why prod/web-1 203.0.113.10", "may it ping an address outside"],
    ["policy why web-1 db-0 --port 5432 -f new.yaml", "would it, were new.yaml applied"],
  ]);
}
