import type { MetricsRegistry } from "@ocicat/kit";
import { bgpMetrics } from "../bgp/metrics.ts";
import type { BgpRunner } from "../bgp/runner.ts";
import type { DatastoreLock } from "../lock/index.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import { allTables, type Tables } from "../tables/tables.ts";

interface Sources {
  readonly routes: RouteReconciler;
  readonly rules: RuleReconciler;
  readonly mesh: BgpRunner;
  readonly tables: Tables;
  readonly lock: DatastoreLock;
}

/** What the agent holds and does. Felix's name where it has one for the same thing. */
export function agentMetrics(metrics: MetricsRegistry, { routes, rules, mesh, tables, lock }: Sources): void {
  const count = (rows: Iterable<unknown>) => [...rows].length;
  metrics.gauge("felix_active_local_endpoints", "Workload endpoints of this node.", () =>
    count(tables.endpoints.rows()),
  );
  metrics.gauge("felix_cluster_num_hosts", "Nodes of the cluster.", () => count(tables.nodes.rows()));
  metrics.gauge("ocicat_routes_desired", "Routes this node should have.", () => routes.desiredCount);
  metrics.gauge("ocicat_routes_pending", "Routes that cannot be programmed yet.", () => routes.pending().length);
  metrics.gauge("ocicat_route_writes_total", "Routes written to and deleted from the kernel.", () => routes.writes);
  metrics.gauge("ocicat_nft_writes_total", "nftables operations written.", () => rules.writes);
  metrics.gauge("ocicat_bgp_peers_established", "BGP sessions that are up.", () =>
    count(mesh.report().filter((peer) => peer.state === "Established")),
  );
  bgpMetrics(metrics, mesh);
  metrics.gauge("ocicat_unreadable_values", "Stored values that cannot be read and are treated as absent.", () =>
    allTables(tables).reduce((sum, table) => sum + table.unreadable.size, 0),
  );
  metrics.gauge("ocicat_datastore_locked", "1 while the datastore is locked for a migration.", () =>
    lock.locked ? 1 : 0,
  );
  metrics.gauge(
    "ocicat_datastore_waiting_changes",
    "Changes that wait for the datastore to be unlocked.",
    () => lock.waiting,
  );
}
