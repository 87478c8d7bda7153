import { flowName } from "@ocicat/enforcement";
import { type Clock, type Logger, type MetricsRegistry, type Scope, silentLogger } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { readFelix } from "../node/felix.ts";
import type { AgentOptions } from "../options.ts";
import type { Tables } from "../tables/tables.ts";
import { FlowCollector } from "./collector.ts";
import { FlowNames } from "./names.ts";

export { type FlowReport, flowRoutes } from "./routes.ts";
export type { FlowCollector };

interface FlowOptions {
  readonly options: Pick<AgentOptions, "nodeName" | "felix">;
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly scope: Scope;
}

/**
 * Listens while the settings have rules log what they decide (flowLogsLocalReporter), and keeps what it has heard when they no
 * longer do. Not even names are kept before they do for the first time.
 */
export function collectFlows({ options, tables, metrics, ...rest }: FlowOptions): FlowCollector {
  const collector = new FlowCollector({ ...rest, names: () => namesFrom(tables) });
  const follow = () => {
    const { flowLogsLocalReporter } = readFelix(tables, options, silentLogger);
    if (flowLogsLocalReporter === "Enabled") collector.start();
    else collector.stop();
  };
  tables.felix.subscribe(follow);
  // A node's labels say which configurations are for it.
  tables.nodes.subscribe((_key, row) => {
    if (row?.name === options.nodeName) follow();
  });
  const gauges = {
    ocicat_flows_lost_packets_total: ["Logged packets that came faster than they were read.", () => collector.lost],
    ocicat_flows_uncounted_packets_total: ["Packets of more flows than are told apart.", () => collector.uncounted],
    ocicat_flows_foreign_packets_total: ["Packets in our log groups by rules of others.", () => collector.foreign],
  } as const;
  for (const [name, [help, read]] of Object.entries(gauges)) metrics.gauge(name, help, read);
  return collector;
}

function namesFrom({ policy, nodes }: Tables): FlowNames {
  const { workloads, hosts, networkSets, globalNetworkSets, networkPolicies, globalNetworkPolicies } = policy;
  const sources = {
    nodes,
    workloads,
    hosts,
    networkSets: [networkSets, globalNetworkSets],
    policies: [networkPolicies, globalNetworkPolicies],
  };
  return new FlowNames(sources, flowName);
}
