import type { Command } from "commander";
import type { InstallCommandOptions } from "../options/install.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withExamples } from "./options.ts";

const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ["CNI_NETWORK_CONFIG", "the network's configuration; __KUBERNETES_NODE_NAME__ and __CNI_MTU__ are filled in"],
  ["CNI_CONF_NAME", "the name of its file (10-calico.conflist)"],
  ["CNI_MTU", "the MTU of pods' interfaces; 0: what the node's own and the tunnels leave (0)"],
  ["KUBERNETES_NODE_NAME", "the node's name (NODENAME, else the host's)"],
  ["OCICAT_TAKE_OVER", "calico: replace Calico's plugin, which else stops the installation"],
];

export function addInstall(program: Command, surroundings: Surroundings): void {
  const width = Math.max(...VARIABLES.map(([name]) => name.length));
  const variables = VARIABLES.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
  const command = program
    .command("install")
    .summary("install the CNI plugin on this node")
    .description(
      "Install the CNI plugin on this node, then the network's configuration: each file whole or not at all, and what is " +
        "current is left. The plugin has no credentials: it asks the agent. This is what the init container runs.",
    )
    .addOption(valueOption("--root <directory>", "where the node's files are, in a container").default("/"))
    .addOption(valueOption("--bin-dir <directory>", "where runtimes look for plugins").default("/opt/cni/bin"))
    .addOption(valueOption("--net-dir <directory>", "where they look for networks").default("/etc/cni/net.d"))
    .addOption(valueOption("--prebuilt <file>", "the plugin's executable, where there is no C compiler"))
    .addOption(valueOption("--companions <directory>", "plugins of others, to be installed where they are missing"))
    .addHelpText("after", `\nVariables (and what holds where they are not set):\n${variables.join("\n")}`)
    .action(async (options: InstallCommandOptions) => {
      const { install } = await import("../actions/install.ts");
      await install(surroundings, options);
    });
  withExamples(command, [
    ["install", "the plugin; and the network, if CNI_NETWORK_CONFIG is set"],
    ["install --root /host", "on the node whose files are below /host"],
  ]);
}
