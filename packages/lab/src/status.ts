import { toError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { TUNNEL_NAMESPACES } from "./by-hand/tunnel.ts";
import { kubernetesProcesses } from "./kubernetes/build.ts";
import { PodBook } from "./pods/pod-book.ts";
import { ProcessBook } from "./process/book.ts";
import { AGENT_SOCKET, agentName, DATASTORE } from "./process/programs.ts";
import { askNode, pathInNode } from "./process/ready.ts";
import type { LabPlug, Topology } from "./topology/topology.ts";
import type { LabPlaces } from "./world/places.ts";

export interface LabStatus {
  readonly well: boolean;
  readonly parts: readonly { readonly name: string; readonly state: string; readonly detail: string }[];
}

export interface InventoryRow {
  readonly name: string;
  readonly what: string;
  readonly where: string;
  readonly address: string;
}

/** What each running part says of itself. */
export async function labStatus(places: LabPlaces, topology: Topology): Promise<LabStatus> {
  // Nothing runs in it that could end.
  if (topology.byHand !== undefined)
    return { well: true, parts: [{ name: topology.byHand, state: "ready", detail: "" }] };
  const book = new ProcessBook(places);
  if (topology.kubernetes !== undefined) {
    const parts = kubernetesProcesses(topology).map((name) => {
      const runs = book.alive(name) !== undefined;
      return { name, state: runs ? "running" : "down", detail: runs ? "" : `see ${places.log(name)}` };
    });
    return { well: parts.every((part) => part.state === "running"), parts };
  }
  const datastore = book.alive(DATASTORE);
  const agents = await Promise.all(topology.nodes.map((node) => agentStatus(places, node.name)));
  const parts = [
    {
      name: DATASTORE,
      state: datastore === undefined ? "down" : "running",
      detail: datastore === undefined ? `see ${places.log(DATASTORE)}` : `on ${topology.datastore}`,
    },
    ...agents,
  ];
  return { well: parts.every((part) => part.state === "running" || part.state === "ready"), parts };
}

async function agentStatus(places: LabPlaces, node: string) {
  const name = agentName(node);
  try {
    const answer = await askNode(pathInNode(places, name, AGENT_SOCKET), "/readyz");
    return answer.status === 200
      ? { name, state: "ready", detail: "" }
      : { name, state: "not ready", detail: answer.body.trim().replaceAll("\n", "; ") };
  } catch (error) {
    return { name, state: "down", detail: toError(error).message };
  }
}

/** Everything that has a name, with its address. */
export function inventory(places: LabPlaces, topology: Topology): InventoryRow[] {
  return [
    ...(topology.byHand === undefined ? [] : TUNNEL_NAMESPACES).map((name) => ({
      name,
      what: "namespace",
      where: "",
      address: "",
    })),
    ...topology.nodes.map((node) => ({
      name: node.name,
      what: "node",
      where: node.segment,
      address: addressesOf(node),
    })),
    ...topology.routers.map((router) => ({
      name: router.name,
      what: "router",
      where: router.interfaces.map((port) => port.segment).join(","),
      address: router.interfaces.map(addressesOf).join(","),
    })),
    ...topology.hosts.map((host) => ({
      name: host.name,
      what: "host",
      where: host.segment,
      address: addressesOf(host),
    })),
    ...new PodBook(places)
      .all()
      .map((pod) => ({ name: pod.name, what: "pod", where: pod.node, address: pod.addresses.join(",") })),
  ];
}

function addressesOf(plug: LabPlug): string {
  return [plug.interface, plug.interface6]
    .flatMap((entry) => (entry === undefined ? [] : [formatAddress(entry.address)]))
    .join(",");
}
