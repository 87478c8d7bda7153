import { bgpConfigurationRow, bgpSettings, nodeRow, peerRow, poolRow } from "@ocicat/agent/rows";
import {
  type AnyResource,
  bgpConfiguration,
  bgpPeer,
  type IPReservation,
  ippool,
  ipReservation,
  type Kind,
  type Node,
  node as nodeKind,
  reservedNetworks,
} from "@ocicat/api";
import { type AllocationBlock, blockOwner } from "@ocicat/api/ipam";
import { readBlocks } from "@ocicat/ipam";
import type { Address, Family } from "@ocicat/net";
import { BACKENDS, type NodeTunnels, type PoolRow, poolPath } from "@ocicat/routing";
import type { PlanCluster, PlanNode } from "@ocicat/routing/plan";
import type { Opened } from "../connect/datastore.ts";

/** Interfaces of nodes' own addresses by node, as far as agents could be asked. */
export type Interfaces = ReadonlyMap<string, { readonly [F in Family]: string | undefined }>;

/** What judges a pool: the nodes, whom they peer with, the other pools. As the datastore has it now. */
export async function readPlanCluster({ client }: Pick<Opened, "client">): Promise<PlanCluster> {
  const list = async <R extends AnyResource>(kind: Kind<R>) => (await client.list(kind)).items;
  const [pools, nodes, peers, configurations] = await Promise.all([
    list(ippool),
    list(nodeKind),
    list(bgpPeer),
    list(bgpConfiguration),
  ]);
  const settings = new Map(configurations.map((one) => [one.metadata.name, bgpConfigurationRow(one)]));
  const settingsOf = (node: string) => bgpSettings(settings.get("default"), settings.get(`node.${node}`));
  const { asNumber, meshEnabled } = settingsOf("");
  return {
    nodes: nodes.map(planNode),
    pools: pools.map(poolRow),
    peers: peers.flatMap((peer) => peerRow(peer) ?? []),
    settings: { asNumber, meshEnabled, portOf: (node) => settingsOf(node).listenPort },
  };
}

/** With what shows routes as they will be: blocks of the pool, addresses of devices, interfaces. */
export async function withBlocks(
  cluster: PlanCluster,
  wanted: PoolRow,
  { store, client }: Opened,
  interfaces: Interfaces,
): Promise<PlanCluster> {
  const [{ blocks }, reservations] = await Promise.all([readBlocks(store), client.list(ipReservation)]);
  const inPool = blocks.filter(({ prefix }) => wanted.cidr.covers(prefix));
  const pools = [...cluster.pools.filter(({ name }) => name !== wanted.name), wanted];
  const nodes = cluster.nodes.map((node): PlanNode => {
    const own = inPool.filter((block) => isOf(block, node.name));
    const next = nextAddress(own, reservations.items);
    const expect = (kind: VxlanKind) => keptAddress(node.tunnels, kind, pools) ?? drawn(kind, pools, wanted, next);
    return {
      ...node,
      blocks: own.map(({ prefix }) => prefix.toString()).sort(),
      expected: { vxlan: expect("vxlan"), vxlan6: expect("vxlan6") },
      interfaceName: interfaces.get(node.name)?.[wanted.cidr.family],
    };
  });
  return { ...cluster, nodes };
}

type VxlanKind = "vxlan" | "vxlan6";

function planNode(resource: Node): PlanNode {
  const row = nodeRow(resource);
  const backend = BACKENDS.find((known) => known === row.backend) ?? "bird";
  return { ...row, backend, blocks: [], expected: { vxlan: undefined, vxlan6: undefined }, interfaceName: undefined };
}

function isOf(block: AllocationBlock, node: string): boolean {
  const owner = blockOwner(block);
  return !block.deleted && owner?.type === "host" && owner.name === node;
}

/** A device keeps its address for as long as it lies in a pool that calls for it. */
function keptAddress(tunnels: NodeTunnels, kind: VxlanKind, pools: readonly PoolRow[]): Address | undefined {
  const address = tunnels[kind]?.address;
  const isKept = (pool: PoolRow) => poolPath(pool).tunnel === kind && address !== undefined && pool.cidr.has(address);
  return pools.some(isKept) ? address : undefined;
}

/** A new one comes from the pools that call for the tunnel: from this one, if it is the only one. */
function drawn(
  kind: VxlanKind,
  pools: readonly PoolRow[],
  wanted: PoolRow,
  next: Address | undefined,
): Address | undefined {
  const sources = pools.filter((pool) => poolPath(pool).tunnel === kind && !pool.disabled);
  return sources.length === 1 && sources[0] === wanted ? next : undefined;
}

/** The address that a node is given next, if it has one block: which of several is drawn from is decided when it is. */
function nextAddress(blocks: readonly AllocationBlock[], reservations: readonly IPReservation[]): Address | undefined {
  const [block] = blocks;
  const ordinal = block?.unallocated[0];
  if (block === undefined || ordinal === undefined || blocks.length > 1) return undefined;
  const isReserved = reservations.flatMap(reservedNetworks).some((network) => network.overlaps(block.prefix));
  return isReserved ? undefined : block.prefix.nth(ordinal);
}
