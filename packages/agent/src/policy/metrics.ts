import type { MetricsRegistry } from "@ocicat/kit";
import { conditionsOfModel } from "@ocicat/policy";
import type { Tables } from "../tables/tables.ts";
import { BUILT_IN } from "./feed.ts";
import type { LocalNeeds } from "./local-needs.ts";
import type { Revoker } from "./revoker.ts";
import { policyTables } from "./tables.ts";

/** Seconds. */
const APPLY_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** What policy holds and does, by Felix's names where it has one for the same thing. */
export function policyMetrics(
  metrics: MetricsRegistry,
  { policy }: Tables,
  local: () => LocalNeeds,
  revoker: Pick<Revoker, "revoked" | "judged">,
): { readonly onEnforced: (ms: number) => void } {
  const count = (rows: Iterable<unknown>) => [...rows].length;
  const gauges: Readonly<Record<string, readonly [help: string, read: () => number]>> = {
    felix_active_local_policies: ["Policies in force on this node's endpoints.", () => local().policies.size],
    felix_active_local_selectors: ["Sets that this node's rules look into.", () => local().sets.size],
    felix_cluster_num_policies: [
      "Policies of the cluster.",
      () => policyTables(policy).reduce((sum, table) => sum + count(table.rows()), 0),
    ],
    felix_cluster_num_profiles: ["Profiles of the cluster.", () => count(policy.profiles.rows())],
    felix_cluster_num_tiers: ["Tiers of the cluster.", () => count(policy.tiers.rows())],
    felix_cluster_num_workload_endpoints: ["Workload endpoints of the cluster.", () => count(policy.workloads.rows())],
    felix_cluster_num_host_endpoints: ["Host endpoints of the cluster.", () => count(policy.hosts.rows())],
    ocicat_policy_conditions: [
      "Policies, rules and profiles that close instead of doing what they say, since they cannot be understood.",
      () => conditionsNow(policy).length,
    ],
    ocicat_connections_revoked_total: [
      "Connections ended because a policy took their permission.",
      () => revoker.revoked,
    ],
    ocicat_connections_judged_total: ["Connections judged again after a change of policy.", () => revoker.judged],
  };
  for (const [name, [help, read]] of Object.entries(gauges)) metrics.gauge(name, help, read);
  const seconds = metrics.histogram(
    "ocicat_policy_apply_seconds",
    "Time from a change's word from the datastore to its rules in the kernel.",
    APPLY_BOUNDS,
  );
  return { onEnforced: (ms) => seconds.observe(ms / 1000) };
}

/** What closes instead of doing what it says. */
export function conditionsNow(policy: Tables["policy"]) {
  return conditionsOfModel({
    tiers: [...BUILT_IN.tiers.values(), ...policy.tiers.rows()],
    policies: policyTables(policy).flatMap((table) => [...table.rows()]),
    profiles: [...policy.profiles.rows()],
  });
}
