import { formatAddress } from "@ocicat/net";
import type { LabNode, Topology } from "../topology/topology.ts";
import type { LabPlaces } from "../world/places.ts";
import { waitForAgent, waitForSocket } from "./ready.ts";
import { startInNode } from "./start.ts";

export const AGENT_SOCKET = "/run/ocicat/agent.sock";
export const DATASTORE_SOCKET = "/run/ocicat/datastore.sock";
export const DATASTORE = "datastore";
const DATASTORE_PORT = 2379;
/** Some two seconds; a user-mode machine among others at work has been seen to take over thirty. */
const START_MS = 90_000;
/** Young objects die young here: a small nursery costs nothing measurable and saves tens of MiB in each process. */
const SMALL_HEAP = { NODE_OPTIONS: "--max-semi-space-size=1" };

export function agentName(node: string): string {
  return `agent-${node}`;
}

/** Where agents find the datastore: over the segment, as on real machines. */
export function datastoreUrl(topology: Topology): string {
  const node = topology.nodes.find((candidate) => candidate.name === topology.datastore);
  return `http://${node === undefined ? "127.0.0.1" : formatAddress(node.interface.address)}:${DATASTORE_PORT}`;
}

/** Starts the embedded datastore on its node; returns an endpoint that works from outside the lab's namespaces. */
export async function startDatastore(
  places: LabPlaces,
  command: readonly [string, ...string[]],
  topology: Topology,
): Promise<string> {
  startInNode(
    places,
    topology.datastore,
    DATASTORE,
    [
      ...command,
      "datastore",
      "serve",
      "--listen",
      datastoreUrl(topology),
      "--socket",
      DATASTORE_SOCKET,
      "--data",
      "/var/lib/ocicat/datastore.db",
    ],
    SMALL_HEAP,
  );
  return `unix://${await waitForSocket(places, DATASTORE, DATASTORE_SOCKET, START_MS)}`;
}

/** Starts a node's agent and waits until it is ready. */
export async function startAgent(
  places: LabPlaces,
  command: readonly [string, ...string[]],
  topology: Topology,
  node: LabNode,
): Promise<void> {
  startInNode(places, node.name, agentName(node.name), [...command, "agent"], {
    ...SMALL_HEAP,
    NODENAME: node.name,
    ETCD_ENDPOINTS: datastoreUrl(topology),
    IP: "autodetect",
    ...(node.interface6 === undefined ? {} : { IP6: "autodetect" }),
    CALICO_NETWORKING_BACKEND: topology.backend,
    // As Calico's manifests: a pod reaches its node's services unless a policy says otherwise.
    FELIX_DEFAULTENDPOINTTOHOSTACTION: "ACCEPT",
  });
  await waitForAgent(places, agentName(node.name), AGENT_SOCKET, START_MS);
}
