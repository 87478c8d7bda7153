import type { BGPConfiguration } from "@ocicat/api";
import { parsePrefix } from "@ocicat/net";
import { NO_RANGES, type ServiceRanges } from "@ocicat/routing";
import type { Table } from "../tables/table.ts";

/** What a BGPConfiguration says of announcing services. */
export function serviceRangesOf({ spec }: BGPConfiguration): ServiceRanges {
  const ranges = (list: readonly { readonly cidr: string }[] | undefined) =>
    (list ?? []).map(({ cidr }) => parsePrefix(cidr, { hostBits: "clear" }));
  return {
    cluster: ranges(spec.serviceClusterIPs),
    external: ranges(spec.serviceExternalIPs),
    loadBalancer: ranges(spec.serviceLoadBalancerIPs),
    aggregate: spec.serviceLoadBalancerAggregation === "Enabled",
  };
}

/** What holds: services are the whole cluster's, so that "default" alone counts. */
export function rangesIn(table: Table<ServiceRanges>): ServiceRanges {
  return table.named("default") ?? NO_RANGES;
}

/** Every range, of whatever kind. */
export function allRanges({ cluster, external, loadBalancer }: ServiceRanges) {
  return [...cluster, ...external, ...loadBalancer];
}
