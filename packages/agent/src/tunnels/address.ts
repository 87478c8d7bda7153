import type { AssignedAddress, Ipam } from "@ocicat/ipam";
import type { Address } from "@ocicat/net";
import { type PoolRow, poolPath, TUNNELS, type TunnelKind } from "@ocicat/routing";

/** Calico's names: the handle that holds a node's tunnel address, and what the allocation says it is for. */
const HOLDERS: Readonly<Record<TunnelKind, { readonly handle: (node: string) => string; readonly type: string }>> = {
  ipip: { handle: (node) => `ipip-tunnel-addr-${node}`, type: "ipipTunnelAddress" },
  vxlan: { handle: (node) => `vxlan-tunnel-addr-${node}`, type: "vxlanTunnelAddress" },
  vxlan6: { handle: (node) => `vxlan-v6-tunnel-addr-${node}`, type: "vxlanV6TunnelAddress" },
};

/** Whether the address may be a tunnel's of this kind: inside a pool whose traffic goes by it. */
export function isIn(pools: Iterable<PoolRow>, kind: TunnelKind, address: Address): boolean {
  return [...pools].some((pool) => poolPath(pool).tunnel === kind && pool.cidr.has(address));
}

/**
 * The node's address for a tunnel: the one it holds, or a new one from a pool that calls for the tunnel and is for tunnels.
 * An address of another pool is given back first. Throws what IPAM throws, IPAM_NO_POOL among it.
 */
export async function claimTunnelAddress(
  ipam: Ipam,
  node: string,
  kind: TunnelKind,
  pools: readonly PoolRow[],
): Promise<Address> {
  const assigned = await assign(ipam, node, kind, pools);
  if (isIn(pools, kind, assigned.address)) return assigned.address;
  await releaseTunnelAddress(ipam, node, kind);
  return (await assign(ipam, node, kind, pools)).address;
}

/** Gives it back; what was given back, which is nothing if there was none. */
export async function releaseTunnelAddress(ipam: Ipam, node: string, kind: TunnelKind): Promise<readonly Address[]> {
  return (await ipam.release({ handleId: HOLDERS[kind].handle(node) })).released;
}

async function assign(ipam: Ipam, node: string, kind: TunnelKind, pools: readonly PoolRow[]): Promise<AssignedAddress> {
  const { handle, type } = HOLDERS[kind];
  const names = pools.filter((pool) => !pool.disabled && poolPath(pool).tunnel === kind).map((pool) => pool.name);
  const [address] = await ipam.autoAssign({
    handleId: handle(node),
    attributes: { type },
    use: "Tunnel",
    wants: [{ family: TUNNELS[kind].family, pools: names }],
  });
  if (address === undefined) throw new TypeError("an assignment of one address is one address");
  return address;
}
