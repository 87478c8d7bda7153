import { hostname } from "node:os";
import { type Family, formatAddress, parseAddress } from "@ocicat/net";
import type { RouteReconciler } from "../../program/route-reconciler.ts";
import type { Foundation } from "../../start/foundation.ts";
import { kernelRows } from "../kernel-rows.ts";
import type { BgpRunner } from "../runner.ts";
import { serveBirdSockets } from "./serve.ts";
import type { BirdSource } from "./source.ts";

/** The control sockets of an agent whose BGP is its own. */
export async function serveBirdControl(
  { options, kernel, clock, logger, scope }: Foundation,
  { mesh, routes }: { readonly mesh: BgpRunner; readonly routes: RouteReconciler },
): Promise<void> {
  const bootedAt = clock.now();
  const source = (family: Family): BirdSource => ({
    family,
    speaker: mesh.speaker,
    sessions: mesh.report,
    routerId: mesh.identity === undefined ? "0.0.0.0" : formatAddress(mesh.identity.routerId),
    hostName: hostname(),
    localAs: mesh.identity?.localAs ?? 0,
    now: clock.now(),
    bootedAt,
    configuredAt: mesh.identity?.configuredAt ?? bootedAt,
    kernelRoutes: () => kernelRows(kernel, family, routes),
    interfaceTowards: (hop) => routes.interfaceTowards(parseAddress(hop)),
  });
  await serveBirdSockets(options.paths.birdSockets, source, logger.child("bird"), scope);
}
