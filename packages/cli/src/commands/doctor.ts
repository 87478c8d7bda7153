import type { Command } from "commander";
import type { DoctorOptions } from "../options/doctor.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addDoctor(program: Command, surroundings: Surroundings): void {
  const doctor = withDatastoreOptions(program.command("doctor"))
    .summary("what is wrong, and the command that mends it")
    .description(
      "Look for what keeps packets from arriving: addresses, forwarding, MTUs, tunnels, other networks, firewalls. Each " +
        "finding says what, where, why it matters, and the command that mends it. Of this host; where no agent runs here, " +
        "of every node of the lab on this machine. Needs root.\n\n" +
        "Exit code: 0 nothing was found, 1 something was, 2 it could not look.",
    )
    .option("--node <name>", "one node of the lab on this machine")
    .addOption(valueOption("-o, --output <format>", "ps, for people, or json").default("ps"))
    .option("--list", "what is looked for, and by which codes it is told")
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import("../actions/doctor.ts");
      await runDoctor(surroundings, options);
    });
  withExamples(doctor, [
    ["doctor", "this host, or all nodes of the lab"],
    ["doctor --node node1", "a node of the lab"],
    ["doctor -o json", "for a program"],
    ["doctor --list", "what is looked for"],
  ]);
}
