import { hostname } from "node:os";
import type { Kernel } from "@ocicat/linux";
import { type Family, formatAddress, parseAddress } from "@ocicat/net";
import { RouteProtocol } from "@ocicat/routing";
import type { RouteReconciler } from "../../program/route-reconciler.ts";
import type { Foundation } from "../../start/foundation.ts";
import type { MeshRunner } from "../mesh-runner.ts";
import { serveBirdSockets } from "./serve.ts";
import type { BirdSource, KernelRow } from "./source.ts";

const MAIN_TABLE = 254;
/** RTPROT_KERNEL with the scope of a link: the subnet of one of the node's own addresses. */
const FROM_KERNEL = 2;
const OURS: readonly number[] = [RouteProtocol.bird, RouteProtocol.felix];

/** The control sockets of an agent whose BGP is its own. */
export async function serveBirdControl(
  { options, kernel, clock, logger, scope }: Foundation,
  { mesh, routes }: { readonly mesh: MeshRunner; readonly routes: RouteReconciler },
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

function* kernelRows(kernel: Kernel, family: Family, routes: RouteReconciler): Iterable<KernelRow> {
  for (const { kind, table, protocol, destination, nextHops } of kernel.routes(family, MAIN_TABLE)) {
    if (kind !== "unicast" || table !== MAIN_TABLE || OURS.includes(protocol)) continue;
    const [hop] = nextHops;
    yield {
      prefix: destination,
      via: hop?.via === undefined ? undefined : formatAddress(hop.via),
      device: hop === undefined ? undefined : routes.linkName(hop.linkIndex),
      direct: protocol === FROM_KERNEL,
    };
  }
}
