import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import type { RoutingResolver } from "@ocicat/routing";
import { type Answer, json, type Routes } from "@ocicat/service";
import type { BgpRunner } from "../bgp/runner.ts";
import { type OwnAddresses, reportOwn } from "../node/own-addresses.ts";
import type { Policy } from "../policy/policy.ts";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { RuleReconciler } from "../program/rule-reconciler.ts";
import { allTables, type Tables } from "../tables/tables.ts";
import type { TunnelRunner } from "../tunnels/runner.ts";
import { bgpRoutes } from "./bgp.ts";
import { whyRoutes } from "./routes-why.ts";

export interface Running {
  readonly routes: RouteReconciler;
  readonly rules: RuleReconciler;
  readonly policy: Policy;
  readonly mesh: BgpRunner;
  readonly tunnels: TunnelRunner;
}

interface StatusSources {
  readonly nodeName: string;
  readonly own: OwnAddresses;
  readonly tables: Tables;
  readonly resolver: RoutingResolver;
}

/** What the command line asks an agent for. Served from the start; what runs later is attached when it runs. */
export function statusRoutes(sources: StatusSources): {
  readonly routes: Routes;
  attach(running: Running): void;
  /** Undefined until then. */
  running(): Running | undefined;
} {
  let running: Running | undefined;
  const needed = (): Running => {
    if (running !== undefined) return running;
    const what = "the agent is not in sync with the datastore yet";
    throw new OcicatError({ code: "AGENT_NOT_READY", what, retryable: true });
  };
  const whenRunning = (answer: (parts: Running, query: URLSearchParams) => unknown) => {
    return (query: URLSearchParams): Answer => json(answer(needed(), query));
  };
  return {
    attach(parts) {
      running = parts;
    },
    running: () => running,
    routes: {
      ...bgpRoutes(() => needed().mesh),
      "/node": () => json({ name: sources.nodeName, ...reportOwn(sources.own) }),
      "/tunnels": whenRunning(({ tunnels }) => tunnels.report()),
      "/routes/why": whenRunning(({ routes }, query) => whyRoutes(query.get("target") ?? "", sources.resolver, routes)),
      "/routes/pending": whenRunning(({ routes }) =>
        routes.pending().map(({ desired, reason }) => ({ destination: desired.destination.toString(), reason })),
      ),
      "/consequences": whenRunning((parts, query) =>
        consequences(sources, parts, query.get("kind") ?? "", query.get("name") ?? ""),
      ),
      "/unreadable": () =>
        json(Object.fromEntries(allTables(sources.tables).flatMap((table) => [...table.unreadable]))),
    },
  };
}

/** Every desired object whose origin names the resource: what this node holds because of it. */
function consequences({ resolver, tables }: StatusSources, { rules, mesh }: Running, kind: string, name: string) {
  const concerns = (resources: readonly { readonly kind: string; readonly name: string }[]) =>
    resources.some((ref) => ref.kind === kind && ref.name === name);
  const routes = [...resolver.routes.values()]
    .filter((route) => concerns(route.origin.resources))
    .map((route) => ({
      object: `route ${route.kind === "blackhole" ? "blackhole " : ""}${route.destination}`,
      reason: route.origin.reason,
    }));
  const announcements = [...resolver.announcements.values()]
    .filter((announcement) => concerns(announcement.origin.resources))
    .map((announcement) => ({ object: `announcement ${announcement.prefix}`, reason: announcement.origin.reason }));
  const guards = [...tables.endpoints.rows()]
    .filter((endpoint) => kind === "WorkloadEndpoint" && endpoint.id === name && rules.knows(endpoint.interfaceName))
    .map((endpoint) => ({
      object: `guard element ${endpoint.interfaceName}`,
      reason: `${endpoint.workload} is behind it`,
    }));
  const masquerade = [...resolver.pools]
    .filter((pool) => kind === "IPPool" && pool.name === name && pool.natOutgoing)
    .map((pool) => ({
      object: `masquerade from ${pool.cidr}`,
      reason: "natOutgoing: towards the outside of every pool",
    }));
  const sessions = [...mesh.sessions]
    .filter((session) => concerns(session.origin.resources))
    .map((session) => ({
      object: `BGP session ${formatAddress(session.remoteAddress)}`,
      reason: session.refused === undefined ? session.origin.reason : `${session.origin.reason}; ${session.refused}`,
    }));
  return [...routes, ...announcements, ...guards, ...masquerade, ...sessions];
}
