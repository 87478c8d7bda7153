import type { Topology } from "../topology/topology.ts";
import type { LabPlaces } from "../world/places.ts";
import { AGENT_SOCKET, agentName } from "./programs.ts";
import { askNode, pathInNode, waitFor } from "./ready.ts";

const MESH_MS = 90_000;

/** Waits until every agent has a session with every other node, in each family that both have, where nodes speak BGP. */
export async function waitForMesh(places: LabPlaces, topology: Topology): Promise<void> {
  if (topology.backend !== "bird") return;
  const dual = topology.nodes.filter((node) => node.interface6 !== undefined).length;
  for (const node of topology.nodes) {
    const wanted = topology.nodes.length - 1 + (node.interface6 === undefined ? 0 : dual - 1);
    const process = agentName(node.name);
    await waitFor(places, process, MESH_MS, async () => {
      const answer = await askNode(pathInNode(places, process, AGENT_SOCKET), "/bgp");
      const established = establishedPeers(answer.body);
      return established >= wanted
        ? { value: undefined }
        : { reason: `${node.name} has ${established} of ${wanted} sessions: ${answer.body.trim()}` };
    });
  }
}

function establishedPeers(body: string): number {
  const status: unknown = JSON.parse(body);
  if (typeof status !== "object" || status === null || !("peers" in status) || !Array.isArray(status.peers)) return 0;
  return status.peers.filter((peer: unknown) => {
    return typeof peer === "object" && peer !== null && "state" in peer && peer.state === "Established";
  }).length;
}
