import type { Command } from "commander";
import type { UninstallOptions } from "../options/uninstall.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addUninstall(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("uninstall")
    .summary("leave this node clean")
    .description(
      "Take everything of the network away from this node: plugin and network configuration, routes, tunnels, rules, " +
        "files. The agent must not run. Refused while pods have interfaces here: drain the node first. What is in the " +
        "datastore stays; delete the node there. Needs root.",
    )
    .addOption(valueOption("--root <directory>", "where the node's files are, in a container").default("/"))
    .addOption(valueOption("--bin-dir <directory>", "where runtimes look for plugins").default("/opt/cni/bin"))
    .addOption(valueOption("--net-dir <directory>", "where they look for networks").default("/etc/cni/net.d"))
    .option("--pool <cidr...>", "the pools' ranges, where no datastore answers: routes in them are ours")
    .option("--with-pods", "cut off pods that are still here")
    .option("--rules-only", "leave routes, tunnels and pods' interfaces, for Calico to go on with")
    .option("--stay", "then wait for SIGTERM: for a DaemonSet")
    .action(async (options: UninstallOptions) => {
      const { uninstall } = await import("../actions/uninstall.ts");
      await uninstall(surroundings, options);
    });
  withDatastoreOptions(command);
  withExamples(command, [
    ["uninstall", "after kubectl drain"],
    ["uninstall --pool 10.244.0.0/16", "with the cluster gone"],
  ]);
}
