import type { BGPConfiguration } from "@ocicat/api";
import { parsePrefix } from "@ocicat/net";
import { NO_RANGES, type ServiceRanges } from "@ocicat/routing";
import type { Tables } from "../tables/tables.ts";

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

/** What holds: services are the whole cluster's, so that "default" alone counts; after what this node's environment says. */
export function rangesIn({ serviceRanges, serviceClusterIps }: RangeTables): ServiceRanges {
  const ranges = serviceRanges.named("default") ?? NO_RANGES;
  return serviceClusterIps.length === 0 ? ranges : { ...ranges, cluster: serviceClusterIps };
}

type RangeTables = Pick<Tables, "serviceRanges" | "serviceClusterIps">;

/** Every range, of whatever kind. */
export function allRanges({ cluster, external, loadBalancer }: ServiceRanges) {
  return [...cluster, ...external, ...loadBalancer];
}
