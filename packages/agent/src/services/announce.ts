import { type RoutingResolver, ServiceAnnouncements } from "@ocicat/routing";
import type { Tables } from "../tables/tables.ts";
import { allRanges, rangesIn } from "./ranges.ts";
import { reachOf, ServiceSlices } from "./slices.ts";

/** Kubernetes' own, of nodes that load balancers are not to send packets to. */
const EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Tells the resolver what of services this node announces, now and as it changes. `onChange`: there is something to resolve. */
export function announceServices(self: string, tables: Tables, resolver: RoutingResolver, onChange: () => void): void {
  const announcements = new ServiceAnnouncements(self, (prefix, announcement) => {
    resolver.setService(prefix, announcement);
    onChange();
  });
  const setRanges = () => {
    const ranges = rangesIn(tables);
    resolver.setServiceRanges(allRanges(ranges));
    announcements.setRanges(ranges);
    onChange();
  };
  setRanges();
  tables.serviceRanges.subscribe(setRanges);
  tables.services.subscribe((_key, service, previous) => {
    const { namespace, name } = service ?? previous ?? {};
    announcements.setService(`${namespace}/${name}`, service);
  });
  const slices = new ServiceSlices(tables.policy.endpointSlices, (service) => {
    announcements.setReach(service, reachOf(slices.of(service), self));
  });
  tables.nodes.subscribe((_key, node) => {
    if (node?.name === self) announcements.setExcluded(node.labels[EXCLUDED] === "true");
  });
}
