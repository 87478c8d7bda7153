import { formatAddress } from "@ocicat/net";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { Foundation } from "../start/foundation.ts";
import { kernelRows } from "./kernel-rows.ts";
import type { NodeRoute } from "./node-status.ts";
import type { BgpRunner } from "./runner.ts";
import { StatusReporter } from "./status-reporter.ts";

type Parts = { readonly mesh: BgpRunner; readonly routes: RouteReconciler };

/** What Calico's tools are told this is. */
const VERSION = "v0.3.3+ocicat";

/** Serves CalicoNodeStatus resources from now on. */
export function reportNodeState(foundation: Foundation, parts: Parts): void {
  const { options, tables, client, clock, logger, scope } = foundation;
  const bootedAt = clock.now();
  const { mesh } = parts;
  new StatusReporter({
    node: options.nodeName,
    requests: tables.statusRequests,
    client,
    clock,
    logger: logger.child("node status"),
    scope,
    state: () => ({
      version: VERSION,
      routerId: mesh.identity === undefined ? undefined : formatAddress(mesh.identity.routerId),
      bootedAt,
      configuredAt: mesh.identity?.configuredAt ?? bootedAt,
      sessions: mesh.report(),
      routes: () => nodeRoutes(foundation, parts),
    }),
  });
}

function* nodeRoutes({ kernel }: Foundation, { mesh, routes }: Parts): Iterable<NodeRoute> {
  const common = { gateway: undefined, interface: undefined, peer: undefined };
  for (const family of [4, 6] as const) {
    for (const { prefix, via, device, direct } of kernelRows(kernel, family, routes)) {
      const source = direct ? "Direct" : "Kernel";
      yield { ...common, type: "FIB", destination: prefix.toString(), gateway: via, interface: device, source };
    }
  }
  const sessions = new Map(mesh.report().map((session) => [session.name, session]));
  for (const prefix of mesh.speaker?.prefixes() ?? []) {
    const destination = prefix.toString();
    for (const { peer, nextHop, verdict } of mesh.speaker?.explain(prefix).paths ?? []) {
      const type = verdict === "best" || verdict === "multipath" ? "FIB" : "RIB";
      if (peer === undefined) {
        yield { ...common, type, destination, source: "Static" };
        continue;
      }
      const gateway = formatAddress(nextHop.address);
      const session = sessions.get(peer);
      const source = session?.type === "node-to-node mesh" ? "NodeMesh" : "BGPPeer";
      const device = nextHop.link ?? routes.interfaceTowards(nextHop.address);
      yield { type, destination, gateway, interface: device, source, peer: session?.address };
    }
  }
}
