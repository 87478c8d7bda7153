import type { FelixSettings } from "@ocicat/api";
import { flowName } from "@ocicat/enforcement";
import type { Clock, Logger, MetricsRegistry, Scope } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import type { Tables } from "../tables/tables.ts";
import { FlowCollector } from "./collector.ts";
import { FlowNames } from "./names.ts";

export { type FlowReport, flowRoutes } from "./routes.ts";
export type { FlowCollector };

interface FlowOptions {
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly felix: Pick<FelixSettings, "flowLogsLocalReporter">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly scope: Scope;
}

/** Listens, if the settings have rules log what they decide; undefined if not: then not even names are kept. */
export function collectFlows(options: FlowOptions): FlowCollector | undefined {
  if (options.felix.flowLogsLocalReporter !== "Enabled") return undefined;
  const { policy, nodes } = options.tables;
  const names = new FlowNames(
    {
      nodes,
      workloads: policy.workloads,
      hosts: policy.hosts,
      networkSets: [policy.networkSets, policy.globalNetworkSets],
      policies: [policy.networkPolicies, policy.globalNetworkPolicies],
    },
    flowName,
  );
  const collector = new FlowCollector({ ...options, names });
  collector.start();
  const { metrics } = options;
  metrics.gauge(
    "ocicat_flows_lost_packets_total",
    "Logged packets that came faster than they were read.",
    () => collector.lost,
  );
  metrics.gauge(
    "ocicat_flows_uncounted_packets_total",
    "Packets of more flows than are told apart.",
    () => collector.uncounted,
  );
  metrics.gauge(
    "ocicat_flows_foreign_packets_total",
    "Packets in the log's groups that no rule of ours has put there.",
    () => collector.foreign,
  );
  return collector;
}
