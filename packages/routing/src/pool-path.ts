import type { PoolRow } from "./inputs.ts";
import type { TunnelKind } from "./tunnels.ts";

/** How traffic to a pool's addresses is to travel. */
export interface PoolPath {
  /** Undefined: never encapsulated. */
  readonly tunnel: TunnelKind | undefined;
  /** Within a subnet without the tunnel. */
  readonly onlyAcrossSubnets: boolean;
}

export function poolPath(pool: PoolRow): PoolPath {
  if (pool.vxlanMode !== "Never") {
    return {
      tunnel: pool.cidr.family === 4 ? "vxlan" : "vxlan6",
      onlyAcrossSubnets: pool.vxlanMode === "CrossSubnet",
    };
  }
  // An IPv6 pool with an ipipMode is refused when it is written; one that was stored by other means travels as it is.
  if (pool.ipipMode !== "Never" && pool.cidr.family === 4) {
    return { tunnel: "ipip", onlyAcrossSubnets: pool.ipipMode === "CrossSubnet" };
  }
  return { tunnel: undefined, onlyAcrossSubnets: false };
}

/** What carries the network between the nodes, as Calico's CALICO_NETWORKING_BACKEND. */
export type Backend =
  /** BGP; VXLAN pools are routed by the datastore's blocks all the same. */
  | "bird"
  /** No BGP at all: only VXLAN pools are routed between nodes. */
  | "vxlan"
  /** Policy only: another network moves the packets. */
  | "none";

export const BACKENDS: readonly Backend[] = ["bird", "vxlan", "none"];

/** The tunnels that pools call for. A disabled pool counts: what it gave out is still in use. */
export function wantedTunnels(pools: Iterable<PoolRow>, backend: Backend): ReadonlySet<TunnelKind> {
  const wanted = new Set<TunnelKind>();
  if (backend === "none") return wanted;
  for (const pool of pools) {
    const { tunnel } = poolPath(pool);
    if (tunnel !== undefined && (backend === "bird" || tunnel !== "ipip")) wanted.add(tunnel);
  }
  return wanted;
}
