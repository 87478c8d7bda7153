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

/**
 * The full mesh as seen from `self`: every other node, by each family of which both have an address; none if the mesh is off
 * or `self` is a reflector. As with Calico's two daemons, a session carries the routes of the family that it runs over.
 */
export function meshPeers(self: NodeRow, nodes: Iterable<NodeRow>, settings: MeshSettings): MeshPeer[] {
  if (!settings.enabled || self.routeReflectorClusterId !== undefined) return [];
  const peers: MeshPeer[] = [];
  for (const node of nodes) {
    if (node.name === self.name || node.routeReflectorClusterId !== undefined) continue;
    for (const family of ["ipv4", "ipv6"] as const) {
      const [local, remote] = [self[family]?.address, node[family]?.address];
      if (local !== undefined && remote !== undefined) peers.push(meshPeer(self, local, node, remote, settings));
    }
  }
  return peers;
}

function meshPeer(self: NodeRow, local: Address, node: NodeRow, remote: Address, settings: MeshSettings): MeshPeer {
  return {
    node: node.name,
    localAddress: local,
    remoteAddress: remote,
    localAs: self.asNumber ?? settings.asNumber,
    remoteAs: node.asNumber ?? settings.asNumber,
    passive: isPassive(local, remote),
    origin: {
      reason: `node-to-node mesh with ${node.name}`,
      resources: [
        { kind: "Node", name: node.name },
        { kind: "BGPConfiguration", name: "default" },
      ],
    },
  };
}
