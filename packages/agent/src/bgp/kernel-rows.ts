import type { Kernel } from "@ocicat/linux";
import { type Family, formatAddress } from "@ocicat/net";
import { RouteProtocol } from "@ocicat/routing";
import type { RouteReconciler } from "../program/route-reconciler.ts";
import type { KernelRow } from "./bird-ctl/source.ts";

const MAIN_TABLE = 254;
/** RTPROT_KERNEL: with it the subnets of the node's own addresses are there. */
const FROM_KERNEL = 2;
const OURS: readonly number[] = [RouteProtocol.bird, RouteProtocol.felix];

/** Routes of the main table that do not follow from BGP. */
export function* kernelRows(kernel: Kernel, family: Family, routes: RouteReconciler): Iterable<KernelRow> {
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
