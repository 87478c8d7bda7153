import { durationMs, type FelixSettings } from "@ocicat/api";
import { type Clock, type Logger, type MetricsRegistry, origin, type Scope } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { Prefix } from "@ocicat/net";
import type { AgentEndpointRow } from "../tables/rows.ts";
import type { Tables } from "../tables/tables.ts";
import { BandwidthReconciler } from "./reconciler.ts";
import { QosRules } from "./rules.ts";

export interface QosOptions {
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly felix: Pick<FelixSettings, "nftablesRefreshInterval" | "routeRefreshInterval">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly scope: Scope;
  readonly defer: (work: () => void) => void;
}

/** Limits what this node's workloads send and are sent (spec.qosControls), from now on, and takes away what nobody wants any more. */
export function limitTraffic(options: QosOptions): Pick<QosRules, "drift"> {
  const { tables, felix, metrics } = options;
  const bandwidth = new BandwidthReconciler({ ...options, refreshMs: durationMs(felix.routeRefreshInterval) });
  const rules = new QosRules({
    ...options,
    inside: () => clusterAddresses(tables),
    refreshMs: durationMs(felix.nftablesRefreshInterval),
  });
  const want = (row: AgentEndpointRow) => {
    const { interfaceName, qos, id } = row;
    const { ingress, egress } = qos ?? {};
    const limitsBandwidth = ingress?.bandwidth !== undefined || egress?.bandwidth !== undefined;
    bandwidth.want(
      interfaceName,
      limitsBandwidth ? { ingress: ingress?.bandwidth, egress: egress?.bandwidth } : undefined,
    );
    const why = origin("qosControls", { kind: "WorkloadEndpoint", name: id });
    rules.want(interfaceName, qos && { interfaceName, controls: qos, origin: why });
  };
  const owners = new Map<string, string>();
  tables.endpoints.subscribe((key, row, before) => {
    // Another endpoint may have the interface by now: a pod made again under the same name.
    if (
      before !== undefined &&
      before.interfaceName !== row?.interfaceName &&
      owners.get(before.interfaceName) === key
    ) {
      owners.delete(before.interfaceName);
      want({ ...before, qos: undefined });
    }
    if (row === undefined || row.interfaceName === "") return;
    owners.set(row.interfaceName, key);
    want(row);
  });
  tables.pools.subscribe(() => rules.insideChanged());
  tables.nodes.subscribe(() => rules.insideChanged());
  metrics.gauge(
    "ocicat_bandwidth_problems",
    "Interfaces whose bandwidth cannot be limited.",
    () => bandwidth.problems.size,
  );
  bandwidth.start();
  rules.start();
  return rules;
}

function clusterAddresses({ pools, nodes }: Tables): Prefix[] {
  const own = [...nodes.rows()].flatMap(({ ipv4, ipv6 }) =>
    [ipv4, ipv6].flatMap((each) => (each === undefined ? [] : [Prefix.host(each.address)])),
  );
  return [...[...pools.rows()].map(({ cidr }) => cidr), ...own];
}
