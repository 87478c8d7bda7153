import type { Address, Family } from "@ocicat/net";
import type { OwnAddress, PoolRow } from "../inputs.ts";
import { type PeerNode, type PeerRow, type PeerSession, type PeerSettings, peerSessions } from "../peers.ts";
import type { Backend } from "../pool-path.ts";
import type { TunnelKind } from "../tunnels.ts";

/** A node as a plan looks at it. */
export interface PlanNode extends PeerNode {
  readonly backend: Backend;
  /** Its blocks of the pool that is planned for, by their text. */
  readonly blocks: readonly string[];
  /** The address that a VXLAN device has or will be given; undefined: it cannot be told beforehand. */
  readonly expected: { readonly [Kind in Exclude<TunnelKind, "ipip">]: Address | undefined };
  /** The interface of its own address, where that is known. */
  readonly interfaceName: string | undefined;
}

/** What a plan goes by: the datastore, read once. */
export interface PlanCluster {
  readonly nodes: readonly PlanNode[];
  readonly pools: readonly PoolRow[];
  readonly peers: readonly PeerRow[];
  readonly settings: PeerSettings & { readonly meshEnabled: boolean };
}

export function ownAddress(node: PlanNode, family: Family): OwnAddress | undefined {
  return family === 4 ? node.ipv4 : node.ipv6;
}

export function areNear(a: PlanNode, b: PlanNode, family: Family): boolean {
  const [own, other] = [ownAddress(a, family), ownAddress(b, family)];
  return own !== undefined && other !== undefined && own.subnet.has(other.address);
}

/** Sessions of a node with routers: what is no node of ours. */
export function routerSessions(node: PlanNode, cluster: PlanCluster, family: Family): readonly PeerSession[] {
  const sessions = peerSessions(node, cluster.nodes, cluster.peers, cluster.settings);
  const ofFamily = ({ remoteAddress }: PeerSession) => (typeof remoteAddress === "number" ? 4 : 6) === family;
  return sessions.filter((session) => session.node === undefined && session.refused === undefined && ofFamily(session));
}

/** The router that a node can hand packets to, if one peers with it on its own subnet. */
export function routerOf(node: PlanNode, cluster: PlanCluster, family: Family): Address | undefined {
  const own = ownAddress(node, family);
  return routerSessions(node, cluster, family).find(({ remoteAddress }) => own?.subnet.has(remoteAddress))
    ?.remoteAddress;
}
