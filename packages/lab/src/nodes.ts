import { rmSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import { deleteMountNamespace, deleteNetworkNamespace } from "@ocicat/linux";
import { buildNode } from "./build.ts";
import type { LabOptions } from "./options.ts";
import { PodRunner } from "./pods/pod-runner.ts";
import { ProcessBook } from "./process/book.ts";
import { endProcesses, inNamespaces, killAll } from "./process/end.ts";
import { agentName, startAgent } from "./process/programs.ts";
import { forgetNode } from "./seed.ts";
import { type PlainStation, saveTopology, withNode, withoutNode } from "./topology/saved.ts";
import type { LabNode, Topology } from "./topology/topology.ts";
import { nodeNamespaces } from "./world/namespaces.ts";
import type { LabPlaces } from "./world/places.ts";

/** How long an agent may take to say farewell to its peers. */
const FAREWELL_MS = 5_000;

/** Adds a node to a running lab; it joins by itself. If it cannot, it is taken away again. */
export async function addNode(options: LabOptions, topology: Topology, station: PlainStation): Promise<void> {
  const changed = withNode(topology, station);
  const { places } = options;
  saveTopology(places, changed);
  try {
    await buildNode(options, changed, findNode(changed, station.name));
  } catch (error) {
    await dismantle(places, station.name);
    await forgetNode(options, station.name);
    saveTopology(places, topology);
    throw error;
  }
}

/** Takes a node away as an operator does: pods deleted, agent stopped, its resources removed. */
export async function removeNode(options: LabOptions, topology: Topology, name: string): Promise<void> {
  const node = findNode(topology, name);
  if (name === topology.datastore) {
    throw new OcicatError({
      code: "LAB_NODE_NEEDED",
      what: `${name} serves the datastore`,
      fix: "take the whole lab down instead: ocicat lab down",
    });
  }
  const { places, command } = options;
  const pods = new PodRunner(places);
  const own = pods.list().filter((pod) => pod.node === name);
  // Only its own agent can give its pods' addresses back.
  const agent = new ProcessBook(places).alive(agentName(name));
  if (agent === undefined && own.length > 0) await startAgent(places, command, topology, node);
  for (const pod of own) await pods.remove(pod.name);
  await dismantle(places, name);
  await forgetNode(options, name);
  saveTopology(places, withoutNode(topology, name));
}

/** Throws OcicatError LAB_NO_SUCH_NODE. */
export function findNode(topology: Topology, name: string): LabNode {
  const found = topology.nodes.find((node) => node.name === name);
  if (found !== undefined) return found;
  throw new OcicatError({
    code: "LAB_NO_SUCH_NODE",
    what: `there is no node ${name}`,
    where: `lab ${topology.name}`,
    fix: `use one of ${topology.nodes.map((node) => node.name).join(", ")}`,
  });
}

async function dismantle(places: LabPlaces, name: string): Promise<void> {
  const book = new ProcessBook(places);
  const agent = book.alive(agentName(name));
  if (agent !== undefined) await endProcesses([agent], FAREWELL_MS);
  await killAll(inNamespaces(nodeNamespaces(places, name)));
  book.forget(agentName(name));
  deleteMountNamespace(places.mountns(name));
  deleteNetworkNamespace(places.netns(name));
  rmSync(places.nodeDisk(name), { recursive: true, force: true });
}
