import type { Command } from "commander";
import type { BacklogOptions } from "../options/controllers.ts";
import type { DatastoreOptions } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ["ENABLED_CONTROLLERS", "which run: node, policy, namespace, serviceaccount, workloadendpoint, loadbalancer (all)"],
  ["KUBECONFIG", "a cluster beside an etcd datastore, whose objects are copied (none, or the one this runs in)"],
  ["AUTO_HOST_ENDPOINTS", "enabled or disabled, over controllers.node.hostEndpoint.autoCreate"],
  ["SYNC_NODE_LABELS", "enabled or disabled, over controllers.node.syncLabels"],
  ["COMPACTION_PERIOD", "over etcdV3CompactionPeriod"],
  ["RECONCILER_PERIOD", "how often everything is looked at anew, over the reconcilerPeriods (5m)"],
  ["OCICAT_CONTROLLERS_LEASE_SECONDS", "how long a leader that says nothing stays one (15)"],
  ["OCICAT_CONTROLLERS_RATE", "how much is collected in a second at most (500)"],
  ["OCICAT_CONTROLLERS_PORT", "TCP port for /livez, /readyz and /metrics, over prometheusMetricsPort (9094)"],
  ["OCICAT_CONTROLLERS_HOST", "the address that port is on (127.0.0.1)"],
  ["OCICAT_CONTROLLERS_SOCKET", "the command line's socket (/run/ocicat/controllers.sock)"],
];

export function addControllers(program: Command, surroundings: Surroundings): void {
  const controllers = program
    .command("controllers")
    .summary("run the cluster's controllers")
    .description(
      "What looks after the whole cluster: garbage collection of addresses, blocks and handles; what follows nodes and " +
        "Kubernetes; services' addresses; compaction.",
    );
  const width = Math.max(...VARIABLES.map(([name]) => name.length));
  const variables = VARIABLES.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
  const run = controllers
    .command("run", { isDefault: true })
    .summary("run them")
    .description(
      "Run the controllers in the foreground, until SIGTERM. Several may run: one acts, and another takes over when that " +
        "one is gone. What waits how long is set by the KubeControllersConfiguration (controllers.node.leakGracePeriod, " +
        "etcdV3CompactionPeriod). It logs to standard output, a JSON object a line, each release with its reason.",
    )
    .addHelpText("after", `\nVariables (and what holds where they are not set):\n${variables.join("\n")}`)
    .action(async ({ config }: DatastoreOptions) => {
      const { findConnection } = await import("../connect/connection.ts");
      const { runControllers } = await import("@ocicat/controllers");
      await runControllers(surroundings.env, await findConnection(surroundings, config));
    });
  withDatastoreOptions(run);
  withExamples(run, [["controllers run", "with a datastore on this host"]]);
  const backlog = controllers
    .command("backlog")
    .summary("what seems to be garbage, and when it will be collected")
    .description(
      "What seems to be garbage and why, for how long it has seemed so, and when it will be collected. Of the controllers " +
        "on this host; it need not be the instance that acts. Needs root.",
    )
    .addOption(valueOption("-o, --output <format>", "ps, a table, or json").default("ps"))
    .action(async (options: BacklogOptions) => {
      const { showBacklog } = await import("../actions/controllers-backlog.ts");
      await showBacklog(surroundings, options);
    });
  withExamples(backlog, [["controllers backlog", "what waits, the oldest first"]]);
}
