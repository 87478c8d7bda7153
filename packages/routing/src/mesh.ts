import type { Origin } from "@ocicat/kit";
import { type Address, formatAddress } from "@ocicat/net";
import type { NodeRow } from "./inputs.ts";

export interface MeshSettings {
  /** BGPConfiguration default: nodeToNodeMeshEnabled. */
  readonly enabled: boolean;
  /** BGPConfiguration default: asNumber. */
  readonly asNumber: number;
}

export interface MeshPeer {
  readonly node: string;
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly localAs: number;
  readonly remoteAs: number;
  /** Listen for this peer, do not dial it. */
  readonly passive: boolean;
  readonly origin: Origin;
}

/**
 * Which of two mesh nodes only listens: the one whose peer has the lexically greater address *string*. Comparing text,
 * not numbers, is what Calico's templates do; both ends of a session must decide alike.
 */
export function isPassive(local: Address, remote: Address): boolean {
  return formatAddress(remote) > formatAddress(local);
}

/** The full mesh as seen from `self`: every other node with an address; none if the mesh is off or `self` is a reflector. */
export function meshPeers(self: NodeRow, nodes: Iterable<NodeRow>, settings: MeshSettings): MeshPeer[] {
  const local = self.ipv4;
  if (!settings.enabled || local === undefined || self.routeReflectorClusterId !== undefined) return [];
  const peers: MeshPeer[] = [];
  for (const node of nodes) {
    if (node.name === self.name || node.ipv4 === undefined || node.routeReflectorClusterId !== undefined) continue;
    peers.push({
      node: node.name,
      localAddress: local.address,
      remoteAddress: node.ipv4.address,
      localAs: self.asNumber ?? settings.asNumber,
      remoteAs: node.asNumber ?? settings.asNumber,
      passive: isPassive(local.address, node.ipv4.address),
      origin: {
        reason: `node-to-node mesh with ${node.name}`,
        resources: [
          { kind: "Node", name: node.name },
          { kind: "BGPConfiguration", name: "default" },
        ],
      },
    });
  }
  return peers;
}
